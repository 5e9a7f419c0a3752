import { afterEach, expect, test } from "vitest";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";
import {
  approval,
  chain,
  fallback,
  fanOut,
  flaky,
  loop,
  mergeByHold,
  single,
} from "../support/flows.ts";
import { System } from "./system.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function system(workflows: readonly AnyWorkflow[], workers = 1) {
  const world = new MemoryWorld({ ackWaitMs: 1_000 });
  const backend = world.open();
  const orchestrator = new Orchestrator({ backend, workflows });
  open.push(backend, orchestrator);
  for (let i = 0; i < workers; i++) {
    const own = world.open();
    const worker = new Worker({ backend: own, workflows }, { concurrency: 8, workerId: `w${i}` });
    open.push(own, { close: () => worker.stop({ graceMs: 100 }) });
    await worker.start();
  }
  return { orchestrator, backend };
}

test("runs a chain to its end", async () => {
  const { orchestrator } = await system([chain(10)]);
  const id = await orchestrator.startRun("chain", 1);
  const info = await orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(info.status).toBe("completed");
  expect(await orchestrator.result(id)).toBe(11);
  const metrics = await orchestrator.metrics(id);
  expect(metrics).toMatchObject({ items: 10, completed: 10, failed: 0, retries: 0, lost: 0 });
  const history = await orchestrator.history(id);
  expect(history.map((event) => event.kind)).toEqual([
    "run.started",
    ...Array(10).fill("item.completed"),
    "run.completed",
  ]);
});

test("joins what a fork gave, in fork order", async () => {
  const { orchestrator } = await system([fanOut], 3);
  const id = await orchestrator.startRun(fanOut, 200);
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await orchestrator.result(id)).toEqual({ sum: 200 * 199, inOrder: true });
  expect(await orchestrator.context(id)).toEqual({ seen: 200 });
});

test("joins an empty fork to an empty array", async () => {
  const { orchestrator } = await system([fanOut]);
  const id = await orchestrator.startRun(fanOut, 0);
  await orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(await orchestrator.result(id)).toEqual({ sum: 0, inOrder: true });
});

test("retries what fails, and keeps each error", async () => {
  const { orchestrator } = await system([flaky]);
  const id = await orchestrator.startRun(flaky, { failures: 2 });
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await orchestrator.result(id)).toBe(3);
  const errors = await orchestrator.errors(id);
  expect(errors.map(({ failure }) => failure.attempt)).toEqual([1, 2]);
  expect(await orchestrator.metrics(id)).toMatchObject({ retries: 2, lost: 0 });
});

test("fails the run when the attempts are used up, and resumes it from there", async () => {
  const { orchestrator } = await system([flaky]);
  const id = await orchestrator.startRun(flaky, { failures: 4 });
  const info = await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(info.status).toBe("failed");
  await expect(orchestrator.result(id)).rejects.toMatchObject({ code: "failed" });
  await orchestrator.resume(id);
  const again = await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(again.status).toBe("failed");
  expect(await orchestrator.metrics(id)).toMatchObject({ retries: 6, failed: 2 });
});

test("gives the fallback the input of the node that failed", async () => {
  const { orchestrator } = await system([fallback]);
  const id = await orchestrator.startRun(fallback, "bad");
  await orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(await orchestrator.result(id)).toBe("rescued bad");
});

test("takes a loop as often as it goes round", async () => {
  const { orchestrator } = await system([loop]);
  const id = await orchestrator.startRun(loop, 250);
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await orchestrator.result(id)).toBe("zero");
  const history = await orchestrator.history(id);
  expect(history.map(({ number }) => number)).toEqual(Array.from({ length: 253 }, (_, i) => i + 1));
});

test("holds for a signal, early or late, and for a time", async () => {
  const { orchestrator } = await system([approval]);
  const late = await orchestrator.startRun(approval, { timeoutMs: null });
  const early = await orchestrator.startRun(approval, { timeoutMs: null });
  await orchestrator.signal(early, "approval", { by: "early", ok: true });
  await orchestrator.waitForCompletion(early, { timeoutMs: 2_000 });
  expect(await orchestrator.result(early)).toBe("approved by early");
  while ((await orchestrator.listWorkItems(late))[0]?.state !== "held") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await orchestrator.signal(late, "approval", { by: "late", ok: false });
  await orchestrator.waitForCompletion(late, { timeoutMs: 2_000 });
  expect(await orchestrator.result(late)).toBe("refused by late");
  const timed = await orchestrator.startRun(approval, { timeoutMs: 50 });
  await orchestrator.waitForCompletion(timed, { timeoutMs: 2_000 });
  expect(await orchestrator.result(timed)).toBe("refused by nobody");
});

test("merges by hold: the last arrival sees all others, however many run at once", async () => {
  const { orchestrator } = await system([mergeByHold], 3);
  const ids = await Promise.all(
    Array.from({ length: 10 }, () => orchestrator.startRun(mergeByHold, 8)),
  );
  for (const id of ids) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
    expect(await orchestrator.result(id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await orchestrator.outputs(id)).toHaveLength(1);
  }
});

test("runOnce keeps its message while a node runs longer than the acknowledgement wait", async () => {
  await using system = new System([], { ackWaitMs: 100 });
  let executions = 0;
  const slow = single(async (n) => {
    executions++;
    await new Promise((resolve) => setTimeout(resolve, 600));
    return n;
  });
  const id = await system.orchestratorOn([slow], {}).startRun("w", 1);
  const workers = [0, 1, 2].map(() => system.idleWorker([slow]));
  await Promise.all(workers.map((worker) => worker.runOnce(1_500)));
  expect(await system.orchestrator.status(id)).toBe("completed");
  expect(executions).toBe(1);
});
