// The graph of a workflow as text: Mermaid for Markdown and wikis, DOT for Graphviz (`… | dot -Tsvg > graph.svg`).

import { z } from "zod";
import {
  abort,
  batch,
  nested,
  next,
  node,
  split,
  toDot,
  toMermaid,
  variant,
  variants,
  workflow,
} from "../src/index.ts";
import { text } from "./01-text.ts";
import { runDirectly } from "./support/run-directly.ts";

const Report = z.object({ text: z.string(), words: z.number(), characters: z.number() });

const pages = split({ input: z.string(), output: z.string(), into: (all) => all.split("\f") });

const judge = node({
  description: "Long pages are for somebody else",
  input: z.array(Report),
  output: variants({ short: z.array(z.number()), long: z.array(z.number()), empty: z.null() }),
  run: (_context, reports) => {
    const lengths = reports.map(({ characters }) => characters).filter((length) => length > 0);
    if (lengths.length === 0) return next(variant("empty", null));
    return next(variant(Math.max(...lengths) > 100 ? "long" : "short", lengths));
  },
});

const round = node({
  input: z.number(),
  output: z.number(),
  run: (_c, n) => next(Math.round(n / 10) * 10),
});

const print = node({
  input: z.array(z.number()),
  output: z.string(),
  run: (_context, lengths) =>
    lengths.length > 9 ? abort("too many pages") : next(lengths.join(" ")),
});

const archive = node({
  input: z.array(z.number()),
  output: z.string(),
  run: () => next("archived"),
});

/** Has one of each: a split, a nested workflow, a join, variants, a batch, a fallback and ends. */
export const press = workflow({
  name: "press",
  version: 1,
  nodes: { pages, page: nested(text), judge, round: batch(round, { size: 10 }), print, archive },
  start: "pages",
  edges: {
    pages: ["page"],
    page: { join: "judge" },
    judge: { on: { short: ["print"], long: ["round"], empty: [] } },
    round: ["print"],
    print: { next: [], onError: ["archive"] },
    archive: [],
  },
});

await runDirectly(import.meta, async () => {
  console.log(toMermaid(press));
  console.log(toDot(press));
});
