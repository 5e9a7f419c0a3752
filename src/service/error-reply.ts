import type { ErrorCode } from "../core/errors.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { RunFailedError } from "../core/run-failed-error.ts";

/** What a request is refused with. `internal`: a fault of the service itself, its log says more. */
export interface ApiError {
  readonly code: ErrorCode | "internal";
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A reply, ready to be sent. */
export interface ApiReply {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null where all went well. */
  readonly error: ApiError | null;
}

/**
 * The number of each code in the header `Nats-Service-Error-Code`, which must be one (NATS ADR-32). They are those of
 * HTTP, so that gateways can hand them on. The body has the code itself.
 */
export const ERROR_NUMBERS: Readonly<Record<ApiError["code"], number>> = {
  definition: 400,
  validation: 400,
  not_found: 404,
  timeout: 408,
  illegal_state: 409,
  conflict: 409,
  fingerprint: 409,
  cancelled: 410,
  payload_too_large: 413,
  failed: 422,
  internal: 500,
  backend: 503,
};

/** Longest error text in a header, in characters. */
const HEADER_LIMIT = 500;

/** What was thrown, as callers may see it: only errors of floxide show their message. */
export function toApiError(thrown: unknown): ApiError {
  // A schema of the user's may throw anything, also what only looks like an error of floxide.
  if (!isFloxideError(thrown) || !Object.hasOwn(ERROR_NUMBERS, thrown.code)) {
    return {
      code: "internal",
      message: "the service could not answer: its log says why",
      details: {},
    };
  }
  const { code, message, details } = thrown;
  const failure = thrown instanceof RunFailedError ? { failure: thrown.failure } : {};
  return { code, message: String(message), details: { ...details, ...failure } };
}

/** Longest error text in a body, in characters, where the whole would not fit. */
const MESSAGE_LIMIT = 1_000;
/** What any server takes, in bytes. */
const SMALL_BYTES = 4_096;

/**
 * The reply that says what is wrong: body and the headers of NATS micro services.
 *
 * @param maxBytes - an error that is larger is cut: without its details, and with the beginning of its message
 */
export function errorReply(error: ApiError, maxBytes: number): ApiReply {
  const whole = bodyOf(error);
  const fits = whole !== null && Buffer.byteLength(whole) <= Math.max(maxBytes, SMALL_BYTES);
  const message = `${error.message.slice(0, MESSAGE_LIMIT)}…`;
  return {
    body: fits ? whole : JSON.stringify({ error: { ...error, message, details: {} } }),
    headers: {
      "Nats-Service-Error-Code": String(ERROR_NUMBERS[error.code]),
      "Nats-Service-Error": onOneLine(error.message),
    },
    error,
  };
}

/** The body, or null where details of an error cannot be written as JSON. */
function bodyOf(error: ApiError): string | null {
  try {
    return JSON.stringify({ error });
  } catch {
    return null;
  }
}

/**
 * The reply with a value.
 *
 * @param maxBytes - a reply that is larger becomes the error `payload_too_large`
 */
export function reply(value: unknown, maxBytes: number): ApiReply {
  const body = JSON.stringify(value);
  const bytes = Buffer.byteLength(body);
  if (bytes <= maxBytes) return { body, headers: {}, error: null };
  const message = `the reply is ${bytes} bytes, one message takes ${maxBytes}: ask for less, with "limit" where there is one`;
  return errorReply(
    toApiError(
      new FloxideError("payload_too_large", message, { details: { bytes, limit: maxBytes } }),
    ),
    maxBytes,
  );
}

/** A header is printable and ends with its line. */
function onOneLine(message: string): string {
  const line = message
    .replace(/\s+/g, " ")
    .replace(/[^\x20-\x7e]/g, "?")
    .trim();
  return line.length <= HEADER_LIMIT ? line : `${line.slice(0, HEADER_LIMIT - 3)}...`;
}
