import { z } from "zod";
import {
  abort,
  counter,
  eventLog,
  hold,
  next,
  nextAll,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";

/** A chain of as many nodes as wanted, each adding one. */
export function chain(length: number, name = "chain") {
  const add = node({ input: z.number(), output: z.number(), run: (_c, n) => next(n + 1) });
  const names = Array.from({ length }, (_, i) => `n${i + 1}`);
  return workflow({
    name,
    version: 1,
    nodes: Object.fromEntries(names.map((n) => [n, add])),
    start: "n1",
    edges: Object.fromEntries(names.map((n, i) => [n, i + 1 < length ? [`n${i + 2}`] : []])),
  });
}

/** One node that makes a number of a number. */
export function single(run: (n: number) => number | Promise<number>, name = "w") {
  const numbers = { input: z.number(), output: z.number() };
  const only = node({ ...numbers, run: async (_c, n) => next(await run(n)) });
  return workflow({ name, version: 1, nodes: { only }, start: "only", edges: { only: [] } });
}

/** Splits a number into 0 … n-1, doubles each, and sums what they gave. */
export const fanOut = workflow({
  name: "fan-out",
  version: 1,
  context: { seen: counter() },
  nodes: {
    fan: split({
      input: z.number(),
      output: z.number(),
      into: (n) => Array.from({ length: n }, (_, i) => i),
    }),
    double: node({
      context: { seen: counter() },
      input: z.number(),
      output: z.number(),
      run: (c, n) => {
        c.seen.add(1);
        return next(n * 2);
      },
    }),
    sum: node({
      input: z.array(z.number()),
      output: z.object({ sum: z.number(), inOrder: z.boolean() }),
      run: (_c, all) =>
        next({
          sum: all.reduce((a, b) => a + b, 0),
          inOrder: all.every((v, i) => v === i * 2),
        }),
    }),
  },
  start: "fan",
  edges: { fan: ["double"], double: { join: "sum" }, sum: [] },
});

const Log = { notes: eventLog<string>() };

/** Waits for an approval, or a time. */
export const approval = workflow({
  name: "approval",
  version: 1,
  context: Log,
  nodes: {
    ask: node({
      context: Log,
      input: z.object({ timeoutMs: z.number().nullable() }),
      output: variants({ yes: z.string(), no: z.string() }),
      signals: { approval: z.object({ by: z.string(), ok: z.boolean() }) },
      run: (c, { timeoutMs }) => {
        if (c.wake === null) {
          c.notes.append("asked");
          return hold({ for: "approval", ...(timeoutMs === null ? {} : { timeoutMs }) });
        }
        if (c.wake.type === "timeout") return next(variant("no", "nobody"));
        const { by, ok } = c.wake.payload;
        return next(ok ? variant("yes", by) : variant("no", by));
      },
    }),
    done: node({
      input: z.string(),
      output: z.string(),
      run: (_c, by) => next(`approved by ${by}`),
    }),
    refused: node({
      input: z.string(),
      output: z.string(),
      run: (_c, by) => next(`refused by ${by}`),
    }),
  },
  start: "ask",
  edges: { ask: { on: { yes: ["done"], no: ["refused"] } }, done: [], refused: [] },
});

/** Fails as often as its input says, then gives the attempt that went well. */
export const flaky = workflow({
  name: "flaky",
  version: 1,
  nodes: {
    work: node({
      input: z.object({ failures: z.number() }),
      output: z.number(),
      retry: { maxAttempts: 4, initialMs: 20, backoff: "constant", jitter: 0 },
      run: (c, { failures }) => {
        if (c.attempt <= failures) throw new Error(`attempt ${c.attempt} fails`);
        return next(c.attempt);
      },
    }),
  },
  start: "work",
  edges: { work: [] },
});

/** Goes to a fallback with the input of the node that failed. */
export const fallback = workflow({
  name: "fallback",
  version: 1,
  nodes: {
    work: node({
      input: z.string(),
      output: z.string(),
      run: (_c, how) => (how === "ok" ? next("fine") : abort("no good")),
    }),
    rescue: node({
      input: z.string(),
      output: z.string(),
      run: (_c, how) => next(`rescued ${how}`),
    }),
  },
  start: "work",
  edges: { work: { next: [], onError: ["rescue"] }, rescue: [] },
});

/** Counts down in a loop. */
export const loop = workflow({
  name: "loop",
  version: 1,
  nodes: {
    down: node({
      input: z.number(),
      output: variants({ again: z.number(), done: z.string() }),
      run: (_c, n) => next(n <= 0 ? variant("done", "zero") : variant("again", n - 1)),
    }),
  },
  start: "down",
  edges: { down: { on: { again: ["down"], done: [] } } },
});

const Arrivals = { arrived: eventLog<number>() };

/** The n-th arrival sees in the context that all have come and goes on; the others hold. */
export const mergeByHold = workflow({
  name: "merge-by-hold",
  version: 1,
  context: Arrivals,
  nodes: {
    fan: node({
      input: z.number(),
      output: z.number(),
      run: (_c, n) => nextAll(Array.from({ length: n }, (_, i) => i)),
    }),
    gather: node({
      context: Arrivals,
      input: z.number(),
      output: z.array(z.number()),
      run: async (c, n) => {
        c.arrived.append(n);
        // Lets the others run meanwhile: each of them sees a context that misses somebody.
        await new Promise((resolve) => setImmediate(resolve));
        const all = c.arrived.all().map(({ event }) => event);
        return all.length < 8 ? hold() : next(all.sort((a, b) => a - b));
      },
    }),
  },
  start: "fan",
  edges: { fan: ["gather"], gather: [] },
});
