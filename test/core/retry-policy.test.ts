import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../src/core/failure.ts";
import type { ResolvedRetryPolicy } from "../../src/core/retry-policy.ts";
import { RetryPolicySchema, retryAfterMs } from "../../src/core/retry-policy.ts";

const anyPolicy = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 1_000 }),
  initialMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  maxMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  backoff: fc.constantFrom("constant" as const, "linear" as const, "exponential" as const),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const policy = (more: Partial<ResolvedRetryPolicy> = {}): ResolvedRetryPolicy => ({
  maxAttempts: 3,
  initialMs: 100,
  maxMs: 1_000,
  backoff: "exponential",
  jitter: 0,
  ...more,
});

const failed = (more: Partial<Failure> = {}): Failure => ({
  kind: "error",
  name: "Error",
  message: "it broke",
  fatal: false,
  stack: null,
  node: "charge",
  item: 1,
  attempt: 1,
  at: "2026-01-01T00:00:00.000Z",
  ...more,
});

/** The wait after an attempt that is not the last. */
function backoffMs(given: ResolvedRetryPolicy, attempt: number, random: number): number {
  const ms = retryAfterMs({ ...given, maxAttempts: attempt + 1 }, failed(), attempt, null, random);
  if (ms === null) throw new Error("no other attempt follows");
  return ms;
}

describe("retry policy", () => {
  it("needs the number of attempts only", () => {
    expect(RetryPolicySchema.parse({ maxAttempts: 2 })).toEqual({
      maxAttempts: 2,
      initialMs: 1_000,
      maxMs: 60_000,
      backoff: "exponential",
      jitter: 0.1,
    });
  });

  it.each([
    {},
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { maxAttempts: 1_001 },
    { maxAttempts: 2, initialMs: -1 },
    { maxAttempts: 2, maxMs: Number.POSITIVE_INFINITY },
    { maxAttempts: 2, jitter: 1.1 },
    { maxAttempts: 2, backoff: "random" },
    { maxAttempts: 2, retryOn: ["lost"] },
    { maxAttempts: 2, maxAttemps: 3 },
  ])("refuses %j", (given) => {
    expect(RetryPolicySchema.safeParse(given).success).toBe(false);
  });
});

describe("backoff", () => {
  it.each([
    ["constant", [100, 100, 100, 100, 100]],
    ["linear", [100, 200, 300, 400, 500]],
    ["exponential", [100, 200, 400, 800, 1_000]],
  ] as const)("that is %s waits so long after each attempt", (backoff, expected) => {
    expect([1, 2, 3, 4, 5].map((attempt) => backoffMs(policy({ backoff }), attempt, 0.5))).toEqual(
      expected,
    );
  });

  it("leaves the given share to chance, downwards", () => {
    expect(backoffMs(policy({ jitter: 0.5 }), 1, 0)).toBe(100);
    expect(backoffMs(policy({ jitter: 0.5 }), 1, 0.5)).toBe(75);
    expect(backoffMs(policy({ jitter: 1 }), 1, 0.99)).toBe(1);
  });

  it("is whole milliseconds, never negative and never above the limit", () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 1, max: 1_000 }), chance, (any, attempt, random) => {
        const ms = backoffMs(any, attempt, random);
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.ceil(any.maxMs));
      }),
    );
  });

  it("never gets shorter from attempt to attempt where nothing is left to chance", () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 1, max: 999 }), (any, attempt) => {
        const certain = { ...any, jitter: 0 };
        expect(backoffMs(certain, attempt + 1, 0)).toBeGreaterThanOrEqual(
          backoffMs(certain, attempt, 0),
        );
      }),
    );
  });
});

describe("whether to try again", () => {
  it("is yes until the attempts are used up", () => {
    expect(
      [1, 2, 3, 4].map((attempt) => retryAfterMs(policy(), failed(), attempt, null, 0)),
    ).toEqual([100, 200, null, null]);
  });

  it("is no where there is no policy", () => {
    expect(retryAfterMs(null, failed(), 1, null, 0)).toBeNull();
    expect(retryAfterMs(null, failed(), 0, null, 0)).toBeNull();
  });

  it("is no where the failure is fatal, whatever was asked for", () => {
    expect(retryAfterMs(policy(), failed({ fatal: true }), 1, null, 0)).toBeNull();
    expect(retryAfterMs(policy(), failed({ fatal: true }), 1, 5, 0)).toBeNull();
  });

  it("is no for kinds of failure that the policy leaves out", () => {
    const onTimeout = policy({ retryOn: ["timeout"] });
    expect(retryAfterMs(onTimeout, failed({ kind: "error" }), 1, null, 0)).toBeNull();
    expect(retryAfterMs(onTimeout, failed({ kind: "lost" }), 1, null, 0)).toBeNull();
    expect(retryAfterMs(onTimeout, failed({ kind: "timeout" }), 1, null, 0)).toBe(100);
  });

  it("is when the node asked, within the attempts", () => {
    expect(retryAfterMs(policy(), failed(), 1, 7_777, 0)).toBe(7_777);
    expect(retryAfterMs(policy(), failed(), 3, 7_777, 0)).toBeNull();
    expect(retryAfterMs(policy({ retryOn: ["timeout"] }), failed(), 1, 7_777, 0)).toBe(7_777);
  });

  it("is when the node asked, a hundred times, where it has no policy", () => {
    expect(retryAfterMs(null, failed(), 99, 0, 0)).toBe(0);
    expect(retryAfterMs(null, failed(), 100, 0, 0)).toBeNull();
  });
});
