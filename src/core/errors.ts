/** What went wrong, as one of a closed list that callers, the API and the CLI branch on. */
export type ErrorCode =
  /** A workflow, node or option is not defined as it must be. A programmer's mistake. */
  | "definition"
  /** A value does not fit: an input, a context, a payload, a request. */
  | "validation"
  /** No run, workflow, worker or item goes by that name. */
  | "not_found"
  /** It is there, but in a state that does not allow this. */
  | "illegal_state"
  /** Somebody else wrote first, or the same id stands for something else. */
  | "conflict"
  /** The run was cancelled, or the caller gave up. */
  | "cancelled"
  /** It took longer than was allowed. */
  | "timeout"
  /** A run failed. `failure` says of what. */
  | "failed"
  /** Larger than the server, or a limit of ours, lets through. */
  | "payload_too_large"
  /** Two processes have different graphs under one name and version. */
  | "fingerprint"
  /** NATS or JetStream: unreachable, switched off, too old, full, forbidden. */
  | "backend";

/** Ids, sizes and names that say which one. Never payloads, never secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The base of every error that floxide throws. Branch on `code`, not on the class. */
export class FloxideError extends Error {
  override readonly name: string = "FloxideError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for errors of floxide, also those of another copy of the package. */
export function isFloxideError(error: unknown, code?: ErrorCode): error is FloxideError {
  try {
    if (!(error instanceof Error) || !("code" in error) || !("details" in error)) return false;
    return typeof error.code === "string" && (code === undefined || error.code === code);
  } catch {
    // Anything may be thrown, also what does not let itself be asked.
    return false;
  }
}

/** A node throws this to say: do not try again. The `onError` edges take over, else the run fails. */
export class FatalError extends Error {
  override readonly name: string = "FatalError";
}

/** A time to wait, in milliseconds. What is no number, and infinity, JSON has no word for. */
export const delayMs = (asked: number): number =>
  Math.min(Math.max(asked, 0) || 0, Number.MAX_SAFE_INTEGER);

/** A node throws this to say: not now, try again after `afterMs`. It counts as an attempt. */
export class RetryLater extends Error {
  override readonly name: string = "RetryLater";
  /** Milliseconds, 0 or more, and finite: what is no number counts as 0. */
  readonly afterMs: number;

  constructor(options: {
    readonly afterMs: number;
    readonly reason?: string;
    readonly cause?: unknown;
  }) {
    const afterMs = delayMs(options.afterMs);
    super(
      options.reason ?? `asked to be tried again after ${afterMs} ms`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.afterMs = afterMs;
  }
}
