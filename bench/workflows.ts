import { z } from "zod";
import { fixed, latest, next, node, split, workflow } from "#floxide";
import { begun, blockIfWanted, noted, sharedNow } from "./notes.ts";

const step = node({
  input: z.number(),
  output: z.number(),
  run: (_context, n) => {
    begun.push(sharedNow());
    return next(n + 1);
  },
});

const names = Array.from({ length: 10 }, (_, i) => `n${i + 1}`);
const inARow = Object.fromEntries(names.map((name, i) => [name, i < 9 ? [`n${i + 2}`] : []]));

/** Ten nodes in a row that do nothing. */
const chain = workflow({
  name: "chain",
  version: 1,
  nodes: Object.fromEntries(names.map((name) => [name, step])),
  start: "n1",
  edges: inARow,
});

const Paced = z.object({
  value: z.number(),
  /** How long each node waits, in milliseconds. */
  paceMs: z.number(),
});

const pacedStep = node({
  input: Paced,
  output: Paced,
  run: async (_context, { value, paceMs }) => {
    noted.push(value);
    await new Promise((resolve) => setTimeout(resolve, paceMs));
    return next({ value: value + 1, paceMs });
  },
});

/** Ten nodes in a row that wait a little. */
const paced = workflow({
  name: "paced",
  version: 1,
  nodes: Object.fromEntries(names.map((name) => [name, pacedStep])),
  start: "n1",
  edges: inARow,
});

const fields = { ballast: fixed(z.string()), seen: latest(z.number()) };

const writing = node({
  context: fields,
  input: z.number(),
  output: z.number(),
  run: (context, n) => {
    context.seen.set(n);
    return next(n + 1);
  },
});

/** Ten nodes in a row, each of which writes one field of a context that has a large one too. */
const large = workflow({
  name: "large",
  version: 1,
  context: fields,
  nodes: Object.fromEntries(names.map((name) => [name, writing])),
  start: "n1",
  edges: inARow,
});

const spread = split({
  input: z.number(),
  output: z.number(),
  into: (n) => Array.from({ length: n }, (_, i) => i),
});

/** One item into as many as asked for, and their results into one. */
const fan = workflow({
  name: "fan",
  version: 1,
  nodes: {
    fan: spread,
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

/** Milliseconds that a branch of {@link slowFan} waits: from 50 to 350, 200 on average, without order. */
const waitOf = (branch: number): number => 50 + ((branch * 7_919) % 301);

/** One item into as many as asked for, each of which waits a while, and how many there were. */
const slowFan = workflow({
  name: "slowFan",
  version: 1,
  nodes: {
    fan: spread,
    work: node({
      input: z.number(),
      output: z.number(),
      run: async (_context, n) => {
        await new Promise((resolve) => setTimeout(resolve, waitOf(n)));
        return next(n);
      },
    }),
    count: node({
      input: z.array(z.number()),
      output: z.number(),
      run: (_context, all) => next(all.length),
    }),
  },
  start: "fan",
  edges: { fan: ["work"], work: { join: "count" }, count: [] },
});

/** One node that keeps the event loop of its worker for as many milliseconds as its input says: see `blockOnce`. */
const blocking = workflow({
  name: "blocking",
  version: 1,
  nodes: {
    only: node({
      input: z.number(),
      output: z.number(),
      run: async (_context, n) => {
        await blockIfWanted(n);
        return next(n + 1);
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

/** One node that does nothing, under a name that workers work for, and under one that none does. */
const [single, unserved] = ["single", "unserved"].map(oneNode) as [Single, Single];

type Single = ReturnType<typeof oneNode>;

function oneNode(name: string) {
  return workflow({
    name,
    version: 1,
    nodes: { only: step },
    start: "only",
    edges: { only: [] },
  });
}

/** All of them, by name. */
export const workflows = { chain, paced, large, fan, slowFan, blocking, single, unserved };

/** The name of a workflow that a worker may serve. */
export type Served = keyof typeof workflows;
