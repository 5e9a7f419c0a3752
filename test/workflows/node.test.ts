import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import type { RetryPolicy } from "../../src/core/retry-policy.ts";
import {
  type AnyNode,
  abort,
  batch,
  counter,
  hold,
  next,
  nextAll,
  node,
  sleep,
  split,
  type Transition,
  withRetry,
  withTimeout,
} from "../../src/workflows/index.ts";
import { contextOf, execute } from "./context-of.ts";
import { count, double, validate } from "./nodes.ts";

/** A string schema that answers later. */
const Later = z.string().refine(async (text) => text !== "refused");

/** A node that answers what it is told to. */
function answering(answer: unknown): AnyNode {
  return node({
    input: z.unknown(),
    output: z.number(),
    run: () => answer as Transition<number>,
  });
}

describe("a node", () => {
  test("answers at once where schemas and code do", () => {
    expect(double.execute(contextOf(double).context, 21, "it")).toEqual(next(42));
  });

  test("answers later where a schema or its code does", async () => {
    const slow = node({
      input: Later,
      output: Later,
      run: async (_context, text) => (text === "many" ? nextAll([text, text]) : next(text)),
    });
    const answer = slow.execute(contextOf(slow).context, "one", "it");
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toEqual(next("one"));
    expect(await execute(slow, "many")).toEqual(nextAll(["many", "many"]));
    await expect(execute(slow, "refused")).rejects.toThrow('the input of node "it" does not fit');
  });

  test("gets its input parsed, and hands on what it gives as it is", async () => {
    const Day = z.iso.date().transform((text) => new Date(text));
    const seen = vi.fn();
    const it = node({
      input: Day,
      output: Day,
      run: (_context, day) => {
        seen(day);
        return next("2026-01-02");
      },
    });
    expect(await execute(it, "2026-01-01")).toEqual(next("2026-01-02"));
    expect(seen).toHaveBeenCalledWith(new Date("2026-01-01"));
  });

  test("is not executed with input that does not fit", async () => {
    const run = vi.fn(() => next(1));
    const it = node({ input: z.number(), output: z.number(), run });
    await expect(execute(it, "1")).rejects.toMatchObject({
      code: "validation",
      details: { direction: "input" },
    });
    expect(run).not.toHaveBeenCalled();
  });

  test.each([
    [next("text"), /the output of node "it" does not fit/],
    [nextAll([1, "text"]), /the output of node "it" \(value 1\) does not fit/],
    [undefined, /must answer with next, nextAll, hold or abort/],
    [42, /must answer with next, nextAll, hold or abort/],
  ])("fails where it answers %j", async (answer, message) => {
    const failed = execute(answering(answer), null);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toMatchObject({ details: { direction: "output" } });
  });

  test("may hold and abort", async () => {
    expect(await execute(answering(hold()), null)).toEqual(hold());
    expect(await execute(answering(sleep(5)), null)).toEqual(sleep(5));
    expect(await execute(answering(abort("no")), null)).toEqual(abort("no"));
  });

  test("writes the context through its handles", async () => {
    const { context, takeDelta } = contextOf(validate);
    await validate.execute(context, { id: "1", item: "book", quantity: 1 }, "it");
    expect(takeDelta()).toMatchObject({ events: [{ event: "validated" }] });
  });

  test("is frozen and carries what it was given", () => {
    const it = node({
      input: z.number(),
      output: z.number(),
      retry: { maxAttempts: 3 },
      timeoutMs: 10,
      description: "counts",
      context: { seen: counter() },
      run: (_context, n) => next(n),
    });
    expect(Object.isFrozen(it)).toBe(true);
    expect(it).toMatchObject({
      kind: "node",
      retry: { maxAttempts: 3, initialMs: 1_000, backoff: "exponential" },
      timeoutMs: 10,
      description: "counts",
      problems: [],
    });
    expect(Object.keys(it.context)).toEqual(["seen"]);
    expect(double).toMatchObject({ retry: null, timeoutMs: null, description: null });
  });
});

describe("a node that declares signals", () => {
  const run = vi.fn();
  const it = node({
    input: z.string(),
    output: z.number(),
    signals: { approval: z.object({ by: z.string().transform((name) => name.toUpperCase()) }) },
    run: ({ wake }, text) => {
      run(wake);
      if (text === "other") return hold({ for: "other" });
      return wake === null ? hold({ for: "approval" }) : next(1);
    },
  });

  test("gets the payload parsed", async () => {
    const wake = { type: "signal", name: "approval", payload: { by: "ada" } } as const;
    expect(await execute(it, "x", { wake })).toEqual(next(1));
    expect(run).toHaveBeenLastCalledWith({ ...wake, payload: { by: "ADA" } });
  });

  test("is not executed with a payload that does not fit", async () => {
    const wake = { type: "signal", name: "approval", payload: {} } as const;
    await expect(execute(it, "x", { wake })).rejects.toThrow(
      'the payload of signal "approval" for node "it" does not fit',
    );
  });

  test("is woken by time, and by what it does not declare, as it is", async () => {
    for (const wake of [
      { type: "timeout", name: "approval" } as const,
      { type: "signal", name: "toString", payload: 1 } as const,
    ]) {
      expect(await execute(it, "x", { wake })).toEqual(next(1));
      expect(run).toHaveBeenLastCalledWith(wake);
    }
  });

  test("may not hold for another", async () => {
    expect(await execute(it, "x")).toEqual(hold({ for: "approval" }));
    await expect(execute(it, "other")).rejects.toThrow(
      'node "it" holds for signal "other", but declares only "approval"',
    );
  });
});

describe("a split", () => {
  test("gives all its parts", async () => {
    expect(await execute(count, 3)).toEqual(nextAll([0, 1, 2]));
    expect(await execute(count, 0)).toEqual(nextAll([]));
    expect(count.kind).toBe("split");
  });

  test("may take its time, and the context", async () => {
    const it = split({
      context: { seen: counter() },
      input: z.number(),
      output: z.number(),
      description: "parts",
      retry: { maxAttempts: 2 },
      into: async (n, { seen }) => [n, seen.get()],
    });
    expect(await execute(it, 3)).toEqual(nextAll([3, 0]));
    expect(it).toMatchObject({ description: "parts", retry: { maxAttempts: 2 } });
  });

  test("fails where a part does not fit", async () => {
    const it = split({ input: z.number(), output: z.number(), into: () => ["x"] as never });
    await expect(execute(it, 3)).rejects.toThrow(/value 0/);
  });
});

describe("a batch", () => {
  const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test("collects what the node gives, in order", async () => {
    const it = batch(
      node({
        input: z.number(),
        output: z.number(),
        run: async (_context, n) => {
          for (let i = n; i > 0; i--) await tick();
          if (n === 2) return hold();
          return n === 3 ? nextAll([n, n]) : next(n);
        },
      }),
      { size: 2 },
    );
    expect(await execute(it, [4, 1, 2, 3, 0])).toEqual(next([4, 1, 3, 3, 0]));
    expect(await execute(it, [])).toEqual(next([]));
  });

  test("executes as many elements at a time as it may", async () => {
    let now = 0;
    let most = 0;
    const it = batch(
      node({
        input: z.number(),
        output: z.number(),
        run: async (_context, n) => {
          most = Math.max(most, ++now);
          await tick();
          now--;
          return next(n);
        },
      }),
      { size: 3 },
    );
    await execute(it, [1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  test("fails as one, and stops the elements that are under way", async () => {
    const stopped = vi.fn();
    const it = batch(
      node({
        input: z.number(),
        output: z.number(),
        run: async ({ signal }, n) => {
          if (n === 1) return abort("one failed");
          while (!signal.aborted) await tick();
          stopped(n);
          return next(n);
        },
      }),
      { size: 2 },
    );
    await expect(execute(it, [0, 1, 2, 3])).rejects.toThrow("one failed");
    expect(stopped.mock.calls).toEqual([[0]]);
  });

  test("stops when its own signal is aborted", async () => {
    const signal = AbortSignal.abort(new Error("cancelled"));
    await expect(execute(batch(double, { size: 1 }), [1], { signal })).rejects.toThrow("cancelled");
  });

  test("names the element that does not fit", async () => {
    const it = batch(double, { size: 1 });
    await expect(execute(it, [1, "x"])).rejects.toThrow('the input of node "it[1]" does not fit');
    await expect(execute(it, 1)).rejects.toThrow("expected an array");
  });

  test("cannot wait", async () => {
    const it = batch(answering(sleep(5)) as typeof double, { size: 1 });
    await expect(execute(it, [1])).rejects.toMatchObject({ name: "FatalError" });
  });

  test("has the policy of its node, and schemas of lists", () => {
    const it = batch(withTimeout(withRetry(double, { maxAttempts: 2 }), 50), { size: 1 });
    expect(it).toMatchObject({ kind: "batch", retry: { maxAttempts: 2 }, timeoutMs: 50 });
    const validate = it.inputSchema["~standard"].validate;
    expect(validate([1, 2])).toEqual({ value: [1, 2] });
    expect(validate("x")).toMatchObject({ issues: [{ message: "expected an array" }] });
    expect(validate([1, "x"])).toMatchObject({ issues: [{ path: [1] }] });
  });

  test("waits for element schemas that answer later", async () => {
    const it = batch(node({ input: Later, output: Later, run: (_context, text) => next(text) }), {
      size: 1,
    });
    const { validate } = it.inputSchema["~standard"];
    expect(await validate(["a"])).toEqual({ value: ["a"] });
    expect(await validate(["a", "refused"])).toMatchObject({ issues: [{ path: [1] }] });
  });
});

describe("withRetry and withTimeout", () => {
  test("give another node and leave the first as it was", () => {
    const it = withTimeout(withRetry(double, { maxAttempts: 5, backoff: "constant" }), 100);
    expect(it).toMatchObject({ retry: { maxAttempts: 5, backoff: "constant" }, timeoutMs: 100 });
    expect(double).toMatchObject({ retry: null, timeoutMs: null });
  });

  test("keep what is wrong with a policy for the workflow to say", () => {
    const it = withTimeout(withRetry(double, { maxAttempts: 0 } as RetryPolicy), -1);
    expect(it.problems).toEqual([
      expect.stringContaining("retry.maxAttempts: "),
      "timeoutMs must be 1 to 2147483647 milliseconds, it is -1",
    ]);
    expect(batch(it, { size: 0 }).problems).toHaveLength(3);
  });
});
