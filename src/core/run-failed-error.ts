import { type ErrorDetails, FloxideError } from "./errors.ts";
import type { Failure } from "./failure.ts";

/** Thrown by `result` when the run did not complete. `failure` is what the run recorded. */
export class RunFailedError extends FloxideError {
  override readonly name: string = "RunFailedError";
  readonly failure: Failure | null;

  constructor(message: string, details: ErrorDetails, failure: Failure | null) {
    super("failed", message, { details });
    this.failure = failure;
  }
}
