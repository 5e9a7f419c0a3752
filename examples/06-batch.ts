// A node over a list, some elements at a time. Unlike a split it is one work item: one message and one commit for the
// whole list, on one worker. Take it where elements are small and many, and the split where they are slow or may fail.

import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { batch, hold, next, node, runLocal, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Sum = z.object({ text: z.string(), sha256: z.string() });

/** An element that answers `hold()` is left out. */
const checksum = node({
  input: z.string(),
  output: Sum,
  run: async ({ signal }, text) => {
    if (text === "") return hold();
    await wait(10, undefined, { signal });
    return next({ text, sha256: createHash("sha256").update(text).digest("hex") });
  },
});

const print = node({
  input: z.array(Sum),
  output: z.array(z.string()),
  run: (_context, sums) => next(sums.map(({ text, sha256 }) => `${sha256.slice(0, 12)}  ${text}`)),
});

/** `batch` makes a node that takes a list of a node that takes an element. The results keep the list's order. */
export const checksums = workflow({
  name: "checksums",
  version: 1,
  nodes: { sum: batch(checksum, { size: 4 }), print },
  start: "sum",
  edges: { sum: ["print"], print: [] },
});

await runDirectly(import.meta, async () => {
  const texts = ["one", "two", "", "three", "four", "five", "six"];
  console.log((await runLocal(checksums, texts)).join("\n"));
});
