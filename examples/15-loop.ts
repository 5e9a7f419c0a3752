// A loop, and two ends. An edge may lead back; a run ends when its last item has ended. Each turn is a step of its own: a
// worker that dies in the thousandth turn does not begin again at the first.

import { z } from "zod";
import { next, node, runLocal, variant, variants, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Guess = z.object({ of: z.number(), guess: z.number(), turn: z.number().int() });

const begin = node({
  input: z.number(),
  output: Guess,
  run: (_context, of) => next({ of, guess: Math.max(1, of / 2), turn: 0 }),
});

/** One turn of Newton's method for the square root. */
const improve = node({
  input: Guess,
  output: variants({ better: Guess, found: Guess, lost: Guess }),
  run: (_context, { of, guess, turn }) => {
    const closer = (guess + of / guess) / 2;
    const after = { of, guess: closer, turn: turn + 1 };
    if (turn >= 50) return next(variant("lost", after));
    return next(variant(Math.abs(closer - guess) < 1e-12 * closer ? "found" : "better", after));
  },
});

/** A terminal node: its edges are `[]`, and what it gives is the run's result. */
const found = node({
  input: Guess,
  output: z.string(),
  run: (_context, { of, guess, turn }) => next(`root of ${of} is ${guess}, after ${turn} turns`),
});

const lost = node({
  input: Guess,
  output: z.object({ noRootOf: z.number() }),
  run: (_context, { of }) => next({ noRootOf: of }),
});

/** Its output is the union of what its ends give: `string | { noRootOf: number }`. */
export const root = workflow({
  name: "root",
  version: 1,
  nodes: { begin, improve, found, lost },
  start: "begin",
  edges: {
    begin: ["improve"],
    improve: { on: { better: ["improve"], found: ["found"], lost: ["lost"] } },
    found: [],
    lost: [],
  },
});

await runDirectly(import.meta, async () => {
  for (const n of [2, 144, 1e12, -2]) console.log(await runLocal(root, n));
});
