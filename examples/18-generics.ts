// A workflow made by a function: the same graph for any types. It is given nodes, and nodes have schemas, so each workflow
// that it makes is typed, and checked at run time, like one that is written out.

import { z } from "zod";
import { type Node, next, node, runLocal, split, type Workflow, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

/** Needs no context fields. */
type NoShared = Record<never, never>;

/** Takes an input apart, does something with each part in parallel, and makes one result of the parts' results. */
export function mapReduce<In, Part, Result, Total>(
  name: string,
  take: Node<NoShared, In, Part>,
  map: Node<NoShared, Part, Result>,
  reduce: Node<NoShared, Result[], Total>,
): Workflow<NoShared, In, Total> {
  return workflow({
    name,
    version: 1,
    nodes: { take, map, reduce },
    start: "take",
    edges: { take: ["map"], map: { join: "reduce" }, reduce: [] },
  });
}

const words = split({
  input: z.string(),
  output: z.string(),
  into: (text) => text.match(/\p{L}+/gu) ?? [],
});

const length = node({
  input: z.string(),
  output: z.number(),
  run: (_c, word) => next(word.length),
});

const total = node({
  input: z.array(z.number()),
  output: z.number(),
  run: (_c, lengths) => next(lengths.reduce((sum, one) => sum + one, 0)),
});

/** Takes a `string`, gives a `number`. */
export const letters = mapReduce("letters", words, length, total);

const Language = z.object({ name: z.string(), since: z.number().int() });
const Dated = z.object({ name: z.string(), decade: z.string() });

const each = split({ input: z.array(Language), output: Language, into: (all) => all });

const date = node({
  input: Language,
  output: Dated,
  run: (_c, { name, since }) => next({ name, decade: `${Math.floor(since / 10)}0s` }),
});

const group = node({
  input: z.array(Dated),
  output: z.record(z.string(), z.array(z.string())),
  run: (_c, all) => {
    const names: Record<string, string[]> = {};
    for (const { decade, name } of all) names[decade] = [...(names[decade] ?? []), name];
    return next(names);
  },
});

/** Takes `Language[]`, gives names by decade. */
export const decades = mapReduce("decades", each, date, group);

await runDirectly(import.meta, async () => {
  const sum: number = await runLocal(letters, "types go all the way through");
  console.log(sum);
  const given = [
    { name: "Fortran", since: 1957 },
    { name: "Pascal", since: 1970 },
    { name: "Lisp", since: 1958 },
    { name: "C", since: 1972 },
  ];
  console.log(await runLocal(decades, given));
});
