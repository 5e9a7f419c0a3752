import { z } from "zod";
import type { Failure } from "./failure.ts";

/** How failures of a node are tried again. Every wait is kept in JetStream, never only in a process. */
export const RetryPolicySchema = z.strictObject({
  /** Attempts in all, the first included. 1 means: do not try again. */
  maxAttempts: z.number().int().min(1).max(1_000),
  /** Milliseconds before the second attempt. @default 1000 */
  initialMs: z.number().min(0).default(1_000),
  /** Milliseconds at most between two attempts. More waits longer on a long outage. @default 60000 */
  maxMs: z.number().min(0).default(60_000),
  /** `exponential` doubles each wait, `linear` adds `initialMs`, `constant` keeps it. @default "exponential" */
  backoff: z.enum(["constant", "linear", "exponential"]).default("exponential"),
  /** Share of each wait that is left to chance, 0 to 1, so that many failures do not come back as one. @default 0.1 */
  jitter: z.number().min(0).max(1).default(0.1),
  /** Which failures are tried again. @default all but fatal ones */
  retryOn: z.array(z.enum(["error", "timeout", "validation"])).optional(),
});
/** A retry policy with nothing left open. */
export type ResolvedRetryPolicy = z.infer<typeof RetryPolicySchema>;
/** A retry policy as one writes it: only `maxAttempts` is needed. */
export type RetryPolicy = z.input<typeof RetryPolicySchema>;

/** Attempts that a `RetryLater` gets from a node with no policy of its own. */
const RETRY_LATER_ATTEMPTS = 100;

/**
 * Milliseconds to wait before the attempt after `attempt`.
 *
 * @param random - 0 to 1, from outside so that this stays a function of its arguments
 */
function backoffMs(policy: ResolvedRetryPolicy, attempt: number, random: number): number {
  const factor =
    policy.backoff === "exponential"
      ? 2 ** (attempt - 1)
      : policy.backoff === "linear"
        ? attempt
        : 1;
  const full = Math.min(policy.initialMs * factor, policy.maxMs);
  return Math.round(full * (1 - policy.jitter * random));
}

/** When to try again, as milliseconds from now, or null where this was the last attempt. */
export function retryAfterMs(
  policy: ResolvedRetryPolicy | null,
  failure: Failure,
  attempt: number,
  askedMs: number | null,
  random: number,
): number | null {
  if (failure.fatal) return null;
  const limit = policy?.maxAttempts ?? (askedMs === null ? 1 : RETRY_LATER_ATTEMPTS);
  if (attempt >= limit) return null;
  if (askedMs !== null) return askedMs;
  if (policy === null) return null;
  if (policy.retryOn && !(policy.retryOn as readonly string[]).includes(failure.kind)) return null;
  return backoffMs(policy, attempt, random);
}
