import { z } from "zod";
import { next, node, split, workflow } from "../src/index.ts";

/** When each node of the chain began, in milliseconds of this process's clock: read by the worker process. */
export const begun: number[] = [];

const step = node({
  input: z.number(),
  output: z.number(),
  run: (_context, n) => {
    begun.push(performance.now());
    return next(n + 1);
  },
});

const names = Array.from({ length: 10 }, (_, i) => `n${i + 1}`);

/** Ten nodes in a row that do nothing. */
export const chain = workflow({
  name: "chain",
  version: 1,
  nodes: Object.fromEntries(names.map((name) => [name, step])),
  start: "n1",
  edges: Object.fromEntries(names.map((name, i) => [name, i < 9 ? [`n${i + 2}`] : []])),
});

/** One item into as many as asked for, and their results into one. */
export const fan = workflow({
  name: "fan",
  version: 1,
  nodes: {
    fan: split({
      input: z.number(),
      output: z.number(),
      into: (n) => Array.from({ length: n }, (_, i) => i),
    }),
    work: node({ input: z.number(), output: z.number(), run: (_context, n) => next(n * 2) }),
    sum: node({
      input: z.array(z.number()),
      output: z.number(),
      run: (_context, all) => next(all.reduce((a, b) => a + b, 0)),
    }),
  },
  start: "fan",
  edges: { fan: ["work"], work: { join: "sum" }, sum: [] },
});

/** One node that does nothing, under a name that workers work for, and under one that none does. */
export const [single, unserved] = ["single", "unserved"].map(oneNode) as [Single, Single];

type Single = ReturnType<typeof oneNode>;

function oneNode(name: string) {
  return workflow({
    name,
    version: 1,
    nodes: {
      only: node({ input: z.number(), output: z.number(), run: (_context, n) => next(n) }),
    },
    start: "only",
    edges: { only: [] },
  });
}
