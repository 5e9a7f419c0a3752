// Words of a folder of real text files, counted in parallel on several workers: a fork of files, in each a fork of chunks,
// and a join for each. Messages carry places in files, not texts, so all workers must see the folder.

import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  counter,
  DistributedOrchestrator,
  next,
  node,
  split,
  WorkerPool,
  workflow,
} from "../src/index.ts";
import { withNatsServer } from "./support/nats-server.ts";
import { runDirectly } from "./support/run-directly.ts";

const Order = z.object({
  folder: z.string(),
  /** Bytes of a chunk, about: it ends where a line does. */
  chunkBytes: z.number().int().positive(),
  /** Words to look for, in lower case. */
  find: z.array(z.string()),
});
const File = Order.extend({ file: z.string() });
const Chunk = File.extend({ from: z.number(), to: z.number() });
const Count = z.object({
  file: z.string(),
  lines: z.number(),
  /** Runs of letters. */
  words: z.number(),
  found: z.record(z.string(), z.number()),
});
type Count = z.infer<typeof Count>;

const Progress = { chunks: counter() };

const files = split({
  input: Order,
  output: File,
  into: async (order) => {
    const names = (await readdir(order.folder)).filter((name) => name.endsWith(".txt"));
    return names.sort().map((file) => ({ ...order, file }));
  },
});

const chunks = split({
  input: File,
  output: Chunk,
  into: async (file) => {
    const bytes = await readFile(join(file.folder, file.file));
    const parts: z.infer<typeof Chunk>[] = [];
    for (let from = 0; from < bytes.length; from = parts.at(-1)?.to ?? bytes.length) {
      const lineEnd = bytes.indexOf(10, from + file.chunkBytes - 1);
      parts.push({ ...file, from, to: lineEnd === -1 ? bytes.length : lineEnd + 1 });
    }
    return parts;
  },
});

const count = node({
  context: Progress,
  input: Chunk,
  output: Count,
  run: async (context, { folder, file, from, to, find }) => {
    await using handle = await open(join(folder, file));
    const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    const text = buffer.toString("utf8");
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    const found = find.map((word) => [word, words.filter((one) => one === word).length] as const);
    context.chunks.add();
    const lines = text.split("\n").length - 1;
    return next({ file, lines, words: words.length, found: Object.fromEntries(found) });
  },
});

/** The chunks of one file: its fork is the inner one. */
const file = node({
  input: z.array(Count),
  output: Count,
  run: (_context, counts) => next(sum(counts[0]?.file ?? "(empty)", counts)),
});

const report = node({
  input: z.array(Count),
  output: z.object({ files: z.array(Count), total: Count }),
  run: (_context, counts) => next({ files: counts, total: sum("total", counts) }),
});

function sum(name: string, counts: readonly Count[]): Count {
  const total: Count = { file: name, lines: 0, words: 0, found: {} };
  for (const { lines, words, found } of counts) {
    total.lines += lines;
    total.words += words;
    for (const [word, n] of Object.entries(found)) total.found[word] = (total.found[word] ?? 0) + n;
  }
  return total;
}

export const wordCount = workflow({
  name: "word-count",
  version: 1,
  context: Progress,
  nodes: { files, chunks, count, file, report },
  start: "files",
  edges: {
    files: ["chunks"],
    chunks: ["count"],
    count: { join: "file" },
    file: { join: "report" },
    report: [],
  },
});

/** The folder beside this file: texts of free licences. */
export const TEXTS = fileURLToPath(new URL("./texts", import.meta.url));

await runDirectly(import.meta, () =>
  withNatsServer(async (servers) => {
    const workflows = [wordCount];
    await using orchestrator = await DistributedOrchestrator.connect({ servers, workflows });
    await using pool = await WorkerPool.connect({ servers, workflows, workers: 3, concurrency: 4 });
    await pool.start();
    const find = ["license", "freedom", "warranty"];
    const input = { folder: TEXTS, chunkBytes: 4_096, find };
    const runId = await orchestrator.startRun(wordCount, input);
    await orchestrator.waitForCompletion(runId);
    const { files: each, total } = await orchestrator.result(runId);
    console.table([...each, total].map(({ found, ...rest }) => ({ ...rest, ...found })));
    const { chunks: parts } = await orchestrator.context(runId);
    const executed = pool.health().map(({ completed }) => completed);
    console.log(`${parts} chunks; nodes executed by each worker: ${executed.join(", ")}`);
  }),
);
