import {
  type ResolvedRetryPolicy,
  type RetryPolicy,
  RetryPolicySchema,
} from "../core/retry-policy.ts";

/** Longest time limit, in milliseconds: what a timer of Node can count (about 24.8 days). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Policy of a node or a workflow as one writes it. */
export interface PolicyOptions {
  /** How failures are tried again. @default those of the workflow, else of the worker */
  readonly retry?: RetryPolicy;
  /** Milliseconds that one attempt may take. Less finds hung work sooner, and cuts slow work off. @default no limit */
  readonly timeoutMs?: number;
}

/** A policy with nothing left open, and what is wrong with it. */
export interface ResolvedPolicy {
  readonly retry: ResolvedRetryPolicy | null;
  readonly timeoutMs: number | null;
  /** A sentence for each thing that is not as it must be. */
  readonly problems: readonly string[];
}

/** A policy of which each part may be left open. */
type OpenPolicy = { readonly [K in keyof PolicyOptions]: PolicyOptions[K] | undefined };

/** Resolves a policy. What is wrong with it is listed, not thrown, so that a workflow can name it with the rest. */
export function resolvePolicy(options: OpenPolicy): ResolvedPolicy {
  const problems: string[] = [];
  const { timeoutMs = null } = options;
  if (timeoutMs !== null && !isTimeout(timeoutMs)) {
    const given = typeof timeoutMs === "number" ? timeoutMs : `a ${typeof timeoutMs}`;
    problems.push(`timeoutMs must be 1 to ${MAX_TIMEOUT_MS} milliseconds, it is ${given}`);
  }
  let retry: ResolvedRetryPolicy | null = null;
  if (options.retry !== undefined) {
    const parsed = RetryPolicySchema.safeParse(options.retry);
    if (parsed.success) retry = Object.freeze(parsed.data);
    else
      problems.push(
        ...parsed.error.issues.map(
          ({ path, message }) => `${["retry", ...path].join(".")}: ${message}`,
        ),
      );
  }
  return { retry, timeoutMs, problems };
}

function isTimeout(value: unknown): boolean {
  return typeof value === "number" && value >= 1 && value <= MAX_TIMEOUT_MS;
}
