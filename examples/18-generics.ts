// A workflow made by a function: the same graph for any types. What the factory is given has schemas, so each workflow it
// makes is typed and checked like one that is written out.

import { z } from "zod";
import { next, node, runLocal, split, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

/** Cuts a list into single elements, does something with each in parallel, and gives the results as a list. */
export function forEach<In, Out>(name: string, each: {
  readonly input: z.ZodType<In, In>;
  readonly output: z.ZodType<Out, Out>;
  readonly work: (element: In, signal: AbortSignal) => Out | Promise<Out>;
}) {
  return workflow({
    name,
    version: 1,
    nodes: {
      take: split({ input: z.array(each.input), output: each.input, into: (all) => all }),
      work: node({
        input: each.input,
        output: each.output,
        run: async ({ signal }, element) => next(await each.work(element, signal)),
      }),
      collect: node({ input: z.array(each.output), output: z.array(each.output), run: (_c, all) => next(all) }),
    },
    start: "take",
    edges: { take: ["work"], work: { join: "collect" }, collect: [] },
  });
}

export const lengths = forEach("lengths", {
  input: z.string(),
  output: z.number(),
  work: (text) => text.length,
});

await runDirectly(import.meta, async () => {
  const a: number[] = await runLocal(lengths, ["a", "list", "of", "words"]);
  console.log(a);
});
