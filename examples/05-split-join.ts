// One input becomes many items, which any number of workers execute at once; a join collects what they gave.

import { z } from "zod";
import { next, node, runLocal, split, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Word = z.object({ word: z.string(), vowels: z.number() });

const words = split({
  description: "One item a word",
  input: z.string(),
  output: z.string(),
  into: (sentence) => sentence.match(/\p{L}+/gu) ?? [],
});

const look = node({
  input: z.string(),
  output: Word,
  run: (_context, word) => next({ word, vowels: word.match(/[aeiou]/gi)?.length ?? 0 }),
});

/**
 * Runs once, when the last item of the fork has ended. The list is in the order of the split, whoever was done first,
 * and empty where there was nothing to split.
 */
const report = node({
  input: z.array(Word),
  output: z.object({ words: z.number(), vowels: z.number(), longest: z.string() }),
  run: (_context, all) =>
    next({
      words: all.length,
      vowels: all.reduce((sum, { vowels }) => sum + vowels, 0),
      longest: all.reduce((best, { word }) => (word.length > best.length ? word : best), ""),
    }),
});

export const sentence = workflow({
  name: "sentence",
  version: 1,
  nodes: { words, look, report },
  start: "words",
  edges: { words: ["look"], look: { join: "report" }, report: [] },
});

await runDirectly(import.meta, async () => {
  console.log(await runLocal(sentence, "Many hands make light work, and a join makes one answer."));
});
