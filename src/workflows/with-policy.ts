import type { RetryPolicy } from "../core/retry-policy.ts";
import type { AnyNode } from "./node-types.ts";
import { resolvePolicy } from "./policy.ts";

/** The same node with its failures tried again; its types are untouched. A bad policy is reported by `workflow()`. */
export function withRetry<N extends AnyNode>(inner: N, retry: RetryPolicy): N {
  const { retry: resolved, problems } = resolvePolicy({ retry });
  return Object.freeze({ ...inner, retry: resolved, problems: [...inner.problems, ...problems] });
}

/**
 * The same node with a limit for each attempt; its types are untouched. A bad limit is reported by `workflow()`.
 *
 * @param timeoutMs - milliseconds, 1 or more
 */
export function withTimeout<N extends AnyNode>(inner: N, timeoutMs: number): N {
  const { problems } = resolvePolicy({ timeoutMs });
  return Object.freeze({ ...inner, timeoutMs, problems: [...inner.problems, ...problems] });
}
