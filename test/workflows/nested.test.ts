import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { RetryLater } from "../../src/core/errors.ts";
import {
  type AnyNode,
  abort,
  counter,
  hold,
  nested,
  next,
  nextAll,
  node,
  sleep,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";
import { contextOf, execute } from "./context-of.ts";
import { count, double, show, sum, swallow } from "./nodes.ts";

/** A workflow as a node, of nodes that need not fit each other as types. */
function inner(
  start: string,
  nodes: Record<string, AnyNode>,
  edges: Record<string, unknown>,
): AnyNode {
  type Spec = Parameters<typeof workflow>[0];
  return nested(workflow({ name: "inner", version: 1, start, nodes, edges } as unknown as Spec));
}

describe("a nested workflow", () => {
  test("gives what its end gives", async () => {
    const it = inner("a", { a: double, b: double, c: show }, { a: ["b"], b: ["c"], c: [] });
    expect(await execute(it, 3)).toEqual(next("12"));
    expect(it.kind).toBe("nested");
    expect(it.inputSchema).toBe(double.inputSchema);
  });

  test("gives all its ends where it forks without a join, in the order of the fork", async () => {
    const slow = { count, double, deep: double, show };
    expect(
      await execute(inner("count", { count, double }, { count: ["double"], double: [] }), 3),
    ).toEqual(nextAll([0, 2, 4]));
    const uneven = inner("double", slow, {
      double: ["deep", "show"],
      deep: ["count"],
      count: [],
      show: [],
    });
    expect(await execute(uneven, 1)).toEqual(nextAll([0, 1, 2, 3, "2"]));
    expect(await execute(inner("count", { count }, { count: [] }), 0)).toEqual(nextAll([]));
  });

  test("joins, and goes on as one", async () => {
    const it = inner(
      "count",
      { count, double, sum, show },
      { count: ["double"], double: { join: "sum" }, sum: ["show"], show: [] },
    );
    expect(await execute(it, 4)).toEqual(next("12"));
    expect(await execute(it, 0)).toEqual(next("0"));
  });

  test("joins inside a join", async () => {
    const it = inner(
      "outer",
      { outer: count, inner: count, one: sum, all: sum },
      { outer: ["inner"], inner: { join: "one" }, one: { join: "all" }, all: [] },
    );
    // 0 + 0 + (0 + 1) + (0 + 1 + 2)
    expect(await execute(it, 4)).toEqual(next(4));
  });

  test("joins a value that no fork is open for as a list of one", async () => {
    expect(
      await execute(inner("double", { double, sum }, { double: { join: "sum" }, sum: [] }), 2),
    ).toEqual(next(4));
  });

  test("gives what several joins of one fork lead to", async () => {
    const sort = node({
      input: z.number(),
      output: variants({ even: z.number(), odd: z.number() }),
      run: (_context, n) => next(variant(n % 2 === 0 ? "even" : "odd", n)),
    });
    const it = inner(
      "count",
      { count, sort, evens: sum, odds: sum, double, show },
      {
        count: ["sort"],
        sort: { on: { even: { join: "evens" }, odd: { join: "odds" } } },
        evens: ["double", "show"],
        odds: [],
        double: [],
        show: [],
      },
    );
    // 0 + 2 is even and goes on in two branches, 1 + 3 is odd and ends.
    expect(await execute(it, 4)).toEqual(nextAll([4, 4, "2"]));
  });

  test("runs an empty join where all branches held", async () => {
    const it = inner(
      "count",
      { count, swallow, sum },
      { count: ["swallow"], swallow: { join: "sum" }, sum: [] },
    );
    expect(await execute(it, 3)).toEqual(next(0));
  });

  test("holds where its only item does", async () => {
    expect(await execute(inner("swallow", { swallow }, { swallow: [] }), 1)).toEqual(hold());
  });

  test("loops without starving timers", async () => {
    const again = node({
      input: z.number(),
      output: variants({ again: z.number(), done: z.number() }),
      run: (_context, n) => next(n > 0 ? variant("again", n - 1) : variant("done", n)),
    });
    const it = inner("again", { again }, { again: { on: { again: ["again"], done: [] } } });
    expect(await execute(it, 1_000)).toEqual(next(0));
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error("time is up")));
    await expect(execute(it, 1e9, { signal: controller.signal })).rejects.toThrow("time is up");
  });

  test("writes the context of the outer run", async () => {
    const context = { seen: counter() };
    const tally = node({
      context,
      input: z.number(),
      output: z.number(),
      run: ({ seen }, n) => {
        seen.add(n);
        return next(seen.get());
      },
    });
    const it = nested(
      workflow({
        name: "inner",
        version: 1,
        context,
        nodes: { first: tally, second: tally },
        start: "first",
        edges: { first: ["second"], second: [] },
      }),
    );
    const { context: outer, takeDelta } = contextOf(it, { seen: 10 });
    expect(await it.execute(outer, 1, "it")).toEqual(next(22));
    expect(takeDelta()).toEqual({ seen: 12 });
  });

  test("tells its nodes their place, and nothing of a wake", async () => {
    const seen = vi.fn();
    const look = node({
      input: z.unknown(),
      output: z.null(),
      run: (context) => {
        seen(context.node, context.wake);
        return next(null);
      },
    });
    await execute(inner("look", { look }, { look: [] }), 1, {
      wake: { type: "timeout", name: null },
    });
    expect(seen).toHaveBeenCalledWith("it/look", null);
  });

  test("hands values on in their JSON form", async () => {
    const give = node({
      input: z.unknown(),
      output: z.unknown(),
      run: () => next({ at: new Date(0) }),
    });
    const take = node({
      input: z.unknown(),
      output: z.unknown(),
      run: (_context, value) => next(value),
    });
    expect(await execute(inner("give", { give, take }, { give: ["take"], take: [] }), 1)).toEqual(
      next({ at: "1970-01-01T00:00:00.000Z" }),
    );
  });
});

describe("a failure in a nested workflow", () => {
  const failing = (answer: () => unknown): AnyNode =>
    node({ input: z.number(), output: z.number(), run: answer as () => never });
  const around = (answer: () => unknown, onError = true): AnyNode =>
    inner(
      "first",
      { first: failing(answer), ...(onError ? { show } : {}) },
      { first: onError ? { next: [], onError: ["show"] } : [], ...(onError ? { show: [] } : {}) },
    );
  const throwing = (error: Error) => () => {
    throw error;
  };

  test("goes to the onError edges, with the input", async () => {
    expect(await execute(around(throwing(new Error("broken"))), 7)).toEqual(next("7"));
    expect(
      await execute(
        around(() => abort("refused")),
        7,
      ),
    ).toEqual(next("7"));
    expect(
      await execute(
        around(() => next("no number")),
        7,
      ),
    ).toEqual(next("7"));
  });

  test("fails the attempt where there are none", async () => {
    await expect(execute(around(throwing(new TypeError("broken")), false), 7)).rejects.toThrow(
      new TypeError("broken"),
    );
    await expect(
      execute(
        around(() => abort("refused"), false),
        7,
      ),
    ).rejects.toThrow("refused");
    await expect(
      execute(
        around(() => next("x"), false),
        7,
      ),
    ).rejects.toThrow('the output of node "it/first" does not fit');
  });

  test("is none where the node asks to be tried later, or was told to stop", async () => {
    const later = new RetryLater({ afterMs: 5 });
    await expect(execute(around(throwing(later)), 7)).rejects.toBe(later);
    const controller = new AbortController();
    const stopped = around(() => {
      controller.abort();
      throw new Error("stopped");
    });
    await expect(execute(stopped, 7, { signal: controller.signal })).rejects.toThrow("stopped");
  });

  test("is final where a node would wait", async () => {
    await expect(
      execute(
        around(() => sleep(5), false),
        7,
      ),
    ).rejects.toMatchObject({
      name: "FatalError",
      message: expect.stringContaining('node "it/first" holds'),
    });
  });
});
