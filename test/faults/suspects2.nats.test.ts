import { expect, test } from "vitest";
import { z } from "zod";
import { hold, next, node, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { LiveSystem } from "../support/live-system.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const timed = workflow({
  name: "timed",
  version: 1,
  nodes: {
    only: node({
      input: z.number(),
      output: z.number(),
      run: async (_c, ms) => {
        await wait(ms);
        return next(ms);
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

test("work that waits for a busy worker is not counted as lost", async () => {
  await using system = await LiveSystem.start([timed]);
  const { orchestrator } = system;
  await system.worker({ concurrency: 1 });
  for (let i = 0; i < 20; i++) {
    const id = await orchestrator.startRun(timed, 0);
    await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  }
  const ids = await Promise.all([1, 2, 3].map(() => orchestrator.startRun(timed, 5_000)));
  for (const id of ids) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  const lost = await Promise.all(ids.map(async (id) => (await orchestrator.metrics(id)).lost));
  expect(lost).toEqual([0, 0, 0]);
}, 30_000);

const held = workflow({
  name: "held",
  version: 1,
  nodes: {
    only: node({
      input: z.number(),
      output: z.number(),
      run: (c, n) => (c.wake === null ? hold({ for: "go" }) : next(n)),
    }),
  },
  start: "only",
  edges: { only: [] },
});

test("a work item that names a revision that never was does not loop", async () => {
  await using system = await LiveSystem.start([held]);
  const { orchestrator } = system;
  await system.worker();
  const id = await orchestrator.startRun(held, 1);
  await eventually(async () =>
    expect(await orchestrator.listWorkItems(id)).toMatchObject([{ state: "held" }]),
  );
  const run = await system.backend.contexts.get(id);
  await system.plain.request(
    `floxide.work.held.${id}.1`,
    JSON.stringify({
      v: 1,
      runId: id,
      item: 1,
      revision: 1_000_000,
      version: 1,
      fingerprint: run?.checkpoint.fingerprint,
    }),
  );
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 30_000);

test("two conflicting requests that two workers begin at once: one is a dead letter", async () => {
  const go = gate();
  let running = 0;
  const flow = workflow({
    name: "gated",
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        run: async (_c, n) => {
          running += 1;
          await go.promise;
          return next(n);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  await using system = await LiveSystem.start([flow]);
  const { orchestrator, plain } = system;
  await system.worker({ concurrency: 1 });
  await system.worker({ concurrency: 1 });
  for (const input of [10, 20]) {
    plain.publish("floxide.start.gated", JSON.stringify({ runId: "same", input }));
  }
  await eventually(() => expect(running).toBe(2));
  go.open();
  await eventually(async () => expect(await system.queued()).toBe(0));
  expect(await orchestrator.deadLetters()).toMatchObject([{ code: "conflict" }]);
}, 30_000);

test("two rolling restarts count nothing as lost", async () => {
  const flow = chain(2);
  void flow;
  await using system = await LiveSystem.start([timed]);
  const { orchestrator } = system;
  let worker = await system.worker({ concurrency: 2 });
  const quick = await Promise.all(
    Array.from({ length: 20 }, () => orchestrator.startRun(timed, 1)),
  );
  for (const id of quick) await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  const ids = await Promise.all(
    Array.from({ length: 40 }, () => orchestrator.startRun(timed, 300)),
  );
  for (let i = 0; i < 4; i++) {
    await eventually(() => expect(worker.health().running).toBe(2));
    const old = worker;
    worker = await system.worker({ concurrency: 2 });
    await old.stop({ graceMs: 0 });
  }
  await system.worker({ concurrency: 20 });
  for (const id of ids) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  const lost = await Promise.all(ids.map(async (id) => (await orchestrator.metrics(id)).lost));
  expect(lost.filter((n) => n > 0)).toEqual([]);
}, 30_000);
