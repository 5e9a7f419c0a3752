import { expect, test } from "vitest";
import { TEXTS, wordCount } from "../../examples/11-word-count.ts";
import { chunksOf, countByLoop, textsIn } from "../../examples/demo/count-by-loop.ts";
import { DistributedOrchestrator, WorkerPool } from "../../src/index.ts";
import { startTestServer } from "../support/nats-server.ts";

test("11 counts right on several workers, each chunk once", async () => {
  await using server = await startTestServer();
  const options = { servers: server.url, workflows: [wordCount] };
  await using orchestrator = await DistributedOrchestrator.connect(options);
  await using pool = await WorkerPool.connect({ ...options, workers: 3, concurrency: 4 });
  await pool.start();

  const [chunkBytes, find] = [2_000, ["license", "software"]];
  const runId = await orchestrator.startRun(wordCount, { folder: TEXTS, chunkBytes, find });
  await orchestrator.waitForCompletion(runId, { timeoutMs: 15_000 });

  const texts = textsIn(TEXTS);
  const chunks = texts.reduce((sum, { text }) => sum + chunksOf(text, chunkBytes), 0);
  const { files, total } = await orchestrator.result(runId);
  expect(files).toEqual(texts.map(({ file, text }) => ({ file, ...countByLoop(text, find) })));
  expect(total.words).toBe(files.reduce((sum, { words }) => sum + words, 0));
  expect(await orchestrator.context(runId)).toEqual({ chunks });
  expect(await orchestrator.metrics(runId)).toMatchObject({
    items: 2 + 2 * texts.length + chunks,
    completed: 2 + 2 * texts.length + chunks,
    failed: 0,
  });
  const working = pool.health().filter(({ completed }) => completed > 0);
  expect(working.length).toBeGreaterThan(1);
});
