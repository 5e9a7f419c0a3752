// Two nodes in a row: the smallest workflow that is one.

import { z } from "zod";
import { next, node, runLocal, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Report = z.object({ text: z.string(), words: z.number(), characters: z.number() });

const clean = node({
  description: "Trims, and makes one blank of many",
  input: z.string(),
  output: z.string(),
  run: (_context, text) => next(text.trim().replace(/\s+/g, " ")),
});

const measure = node({
  input: z.string(),
  output: Report,
  run: (_context, text) =>
    next({
      text,
      words: text === "" ? 0 : text.split(" ").length,
      characters: text.length,
    }),
});

/** Takes what `clean` takes and gives what `measure` gives: the compiler knows both. */
export const text = workflow({
  name: "text",
  version: 1,
  nodes: { clean, measure },
  start: "clean",
  edges: { clean: ["measure"], measure: [] },
});

await runDirectly(import.meta, async () => {
  console.log(await runLocal(text, "  durable   workflows\n on   NATS JetStream "));
});
