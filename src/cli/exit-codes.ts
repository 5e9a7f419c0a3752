import type { ErrorCode } from "../core/errors.ts";
import { isFloxideError } from "../core/errors.ts";

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  runFailed: 1,
  usage: 2,
  notFound: 3,
  illegalState: 4,
  timeout: 5,
  unreachable: 6,
  bug: 70,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  failed: EXIT.runFailed,
  cancelled: EXIT.runFailed,
  definition: EXIT.usage,
  validation: EXIT.usage,
  payload_too_large: EXIT.usage,
  not_found: EXIT.notFound,
  illegal_state: EXIT.illegalState,
  conflict: EXIT.illegalState,
  fingerprint: EXIT.illegalState,
  timeout: EXIT.timeout,
  backend: EXIT.unreachable,
};

/** The exit code of an error; one that floxide does not know is a bug. */
export function exitCodeOf(error: unknown): number {
  return isFloxideError(error) ? (BY_CODE[error.code] ?? EXIT.bug) : EXIT.bug;
}

/** For the help. */
export const EXIT_CODES_HELP = `
Exit codes:
  0   ok
  1   the run failed or was cancelled (start --wait, wait, result)
  2   wrong usage, or a value that does not fit
  3   no such run, workflow or verb
  4   the run's status does not allow it, or the run id is taken by another request
  5   it took longer than allowed
  6   NATS or JetStream cannot be reached or used
  70  a bug in floxide`;
