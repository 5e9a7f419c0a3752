import type { ApiError } from "./error-reply.ts";

/** What one endpoint has done so far, as NATS ADR-32 counts it. */
export interface EndpointFigures {
  readonly num_requests: number;
  readonly num_errors: number;
  /** Empty where there was none. */
  readonly last_error: string;
  /** Nanoseconds, in all and on average. */
  readonly processing_time: number;
  readonly average_processing_time: number;
}

/** Longest error text that is kept, in characters: it goes into every answer to a question for figures. */
const ERROR_LIMIT = 500;

/** Counts the requests of one endpoint. */
export class EndpointStats {
  #requests = 0;
  #errors = 0;
  #lastError = "";
  #nanos = 0;

  /** @param ms - milliseconds from the request to its answer */
  count(ms: number, error: ApiError | null): void {
    this.#requests += 1;
    this.#nanos += Math.round(ms * 1e6);
    if (error === null) return;
    this.#errors += 1;
    this.#lastError = `${error.code}: ${error.message}`.slice(0, ERROR_LIMIT);
  }

  figures(): EndpointFigures {
    return {
      num_requests: this.#requests,
      num_errors: this.#errors,
      last_error: this.#lastError,
      processing_time: this.#nanos,
      average_processing_time: this.#requests === 0 ? 0 : Math.trunc(this.#nanos / this.#requests),
    };
  }
}
