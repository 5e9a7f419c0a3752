import { expect, test } from "vitest";
import { z } from "zod";
import type { Versioned } from "../../src/core/ports/stores.ts";
import type { RepairFinding } from "../../src/orchestrator/repair-report.ts";
import { next, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { Halt } from "../support/halt.ts";
import { outOfReach } from "./altered.ts";
import { System } from "./system.ts";

// What repair makes of stores that are of different ages: the logic alone, on the memory adapter. On a real server with
// real backups: test/restore.

const flow = chain(4);

/** A world whose workers stop after each step, so that a chain can be seen half-way. */
const stepwise = (): System => new System([flow], { ackWaitMs: 30_000 });

/** Executes one step of what is queued. */
async function step(system: System): Promise<void> {
  await system.idleWorker([flow], { stepsInPlace: 1 }).runOnce(100);
}

async function drain(system: System): Promise<void> {
  const worker = system.idleWorker([flow]);
  while (await worker.runOnce(50));
}

async function viewOf({ backend }: System, id: string): Promise<Versioned> {
  const view = await backend.contexts.get(id);
  if (view === null) throw new Error(`run ${id} has no checkpoint`);
  return view;
}

/** Puts back what the checkpoint was. The memory adapter's revisions only go up, so the list entry is raised instead. */
async function setBack(system: System, id: string, { checkpoint }: Versioned): Promise<void> {
  const { revision } = await viewOf(system, id);
  await system.backend.contexts.update({ ...checkpoint, commit: "old" }, revision);
  const info = await system.backend.runs.get(id);
  if (info !== null) await system.backend.runs.replace({ ...info, revision: 1_000 }, null);
}

/** A run that ended, and whose checkpoint came back as it was after the second step. */
async function endedAndSetBack(system: System): Promise<string> {
  const id = await system.orchestrator.startRun(flow, 1);
  await step(system);
  await step(system);
  const middle = await viewOf(system, id);
  await drain(system);
  expect(await system.orchestrator.result(id)).toBe(5);
  await setBack(system, id, middle);
  return id;
}

async function expectEnded({ orchestrator, backend }: System, id: string): Promise<void> {
  expect(await orchestrator.result(id)).toBe(5);
  const listed = (await orchestrator.listRuns()).items.find(({ runId }) => runId === id);
  expect(listed).toEqual(await orchestrator.run(id));
  expect(await backend.metrics.get(id)).toEqual(await orchestrator.metrics(id));
  expect(await orchestrator.metrics(id)).toMatchObject({ status: "completed", completed: 4 });
}

test("a run whose checkpoint came back older goes on from it, and its history says so", async () => {
  await using system = stepwise();
  const id = await endedAndSetBack(system);
  const before = await system.orchestrator.history(id);
  const found: RepairFinding[] = [];
  const report = await system.orchestrator.repair({
    restored: true,
    onFound: (finding) => found.push(finding),
  });
  expect(report).toMatchObject({ looked: 1, runs: 1, items: 1, restored: 1, projections: 1 });
  expect(found).toEqual([
    { runId: id, workflow: "chain", what: "restored", items: 1, refiled: true },
  ]);
  expect(await system.orchestrator.listRuns({ status: "running" })).toMatchObject({
    items: [{ runId: id }],
  });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ status: "running", completed: 2 });
  await drain(system);
  await expectEnded(system, id);
  const after = await system.orchestrator.history(id);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.map(({ number }) => number)).toEqual(after.map((_event, i) => i + 1));
  expect(after.slice(before.length).map(({ kind }) => kind)).toEqual([
    "run.restored",
    "item.completed",
    "item.completed",
    "run.completed",
  ]);
});

test("what the history or a list knows of a later state sets a run on a new footing", async () => {
  await using system = stepwise();
  const ended = await endedAndSetBack(system);
  // Nothing but the history tells of this one.
  const info = await system.backend.runs.get(ended);
  await system.backend.runs.remove(ended);
  expect(info).toMatchObject({ revision: 1_000 });
  expect(await system.orchestrator.repair({ all: true, quietMs: 0 })).toMatchObject({
    restored: 1,
    projections: 1,
  });
  const paused = await system.orchestrator.startRun(flow, 1);
  await step(system);
  await step(system);
  await system.orchestrator.pause(paused);
  await setBack(system, paused, await viewOf(system, paused));
  // The usual look is enough where the run is listed as going on.
  expect(await system.orchestrator.repair({ quietMs: 0 })).toMatchObject({ restored: 1, items: 0 });
  await system.orchestrator.resume(paused);
  await drain(system);
  await expectEnded(system, ended);
  await expectEnded(system, paused);
});

test("the usual look is at all runs where checkpoints are gone that were heard of", async () => {
  await using system = stepwise();
  const id = await endedAndSetBack(system);
  const orchestrator = system.orchestratorOn([flow], {
    contexts: () => ({ newestRevision: async () => 7 }),
  });
  // A run that moves is left to move; but it is listed as what it is.
  expect(await orchestrator.repair({ quietMs: 60_000 })).toMatchObject({
    restored: 0,
    projections: 1,
  });
  await setBack(system, id, await viewOf(system, id));
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ restored: 1, items: 1 });
  await drain(system);
  await expectEnded(system, id);
});

test("lists, figures and history of ended runs are made to say what the checkpoint says", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  const ids = ["unlisted", "listed-as-running", "without-figures", "right"];
  for (const runId of ids) await orchestrator.startRun(flow, 1, { runId });
  const filed = await backend.runs.get("listed-as-running");
  await drain(system);
  await backend.runs.remove("unlisted");
  await backend.runs.replace({ ...filed!, revision: 1_000 }, null);
  await backend.metrics.remove("without-figures");
  const look = () => orchestrator.repair({ all: true, quietMs: 0 });
  expect(await look()).toMatchObject({ looked: 4, projections: 2, restored: 0, items: 0 });
  expect(await look()).toMatchObject({ looked: 4, projections: 0 });
  for (const id of ids) await expectEnded(system, id);
});

test("a run of which nothing is left fails as lost, and its client starts it again", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  await orchestrator.startRun(flow, 1, { runId: "r" });
  await step(system);
  await backend.queue.dropRun("chain", "r");
  await backend.contexts.remove("r");
  const told = orchestrator.waitForCompletion("r", { timeoutMs: 5_000 });
  expect(await orchestrator.repair({ restored: true })).toMatchObject({ lost: 1, projections: 1 });
  expect(await told).toMatchObject({ status: "failed", failure: { kind: "lost" } });
  await expect(orchestrator.result("r")).rejects.toMatchObject({ failure: { kind: "lost" } });
  await expect(orchestrator.resume("r")).rejects.toMatchObject({ code: "illegal_state" });
  expect(await orchestrator.repair({ restored: true })).toMatchObject({ lost: 0, projections: 0 });
  await expect(orchestrator.startRun(flow, 2, { runId: "r" })).rejects.toMatchObject({
    code: "conflict",
  });
  await orchestrator.startRun(flow, 1, { runId: "r" });
  expect(await orchestrator.listRuns({ status: "running" })).toMatchObject({
    items: [{ runId: "r" }],
  });
  await drain(system);
  await expectEnded(system, "r");
});

test("a start request that comes after all begins a run that was given up", async () => {
  await using system = stepwise();
  const { orchestrator, backend, world } = system;
  await orchestrator.startRun(flow, 1, { runId: "r" });
  for (const { seq } of await backend.queue.startsWaiting(10)) await backend.queue.drop(seq);
  await orchestrator.pause("r");
  expect(await orchestrator.repair({ restored: true })).toMatchObject({ lost: 1 });
  expect(await orchestrator.status("r")).toBe("failed");
  world.publishStart("chain", '{"input":1,"runId":"r"}');
  await drain(system);
  await expectEnded(system, "r");
});

test("a run whose start request was lost unseen is taken off the list, and starts when it is sent again", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  await orchestrator.startRun(flow, 1, { runId: "r" });
  for (const { seq } of await backend.queue.startsWaiting(10)) await backend.queue.drop(seq);
  const info = await backend.runs.get("r");
  const longAgo = new Date(Date.parse(info!.createdAt) - 700_000).toISOString();
  await backend.runs.replace({ ...info!, createdAt: longAgo }, null);
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ projections: 1, lost: 0 });
  await expect(orchestrator.status("r")).rejects.toMatchObject({ code: "not_found" });
  await orchestrator.startRun(flow, 1, { runId: "r" });
  await drain(system);
  await expectEnded(system, "r");
});

test("a run that was listed with a checkpoint is not taken off the list without a word", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  await orchestrator.startRun(flow, 1, { runId: "r" });
  await step(system);
  const info = await backend.runs.get("r");
  const longAgo = new Date(Date.parse(info!.createdAt) - 700_000).toISOString();
  await backend.runs.replace({ ...info!, createdAt: longAgo }, null);
  await backend.contexts.remove("r");
  // Its message is all that is left: nobody would have sent it for a run that never began.
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ lost: 1 });
  expect(await orchestrator.status("r")).toBe("failed");
});

test("start requests of runs that nobody lists are listed, and begin once", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  await orchestrator.startRun(flow, 1, { runId: "r" });
  await backend.runs.remove("r");
  expect(await orchestrator.repair({ restored: true })).toMatchObject({ starts: 1, lost: 0 });
  expect(await orchestrator.listRuns({ status: "running" })).toMatchObject({
    items: [{ runId: "r" }],
  });
  await drain(system);
  await expectEnded(system, "r");
});

test("the place of a start request that went to another run's makes nothing alive", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  const id = await orchestrator.startRun(flow, 1);
  await step(system);
  const other = await orchestrator.startRun(flow, 1);
  const [start] = await backend.queue.startsWaiting(10);
  await backend.queue.dropRun("chain", id);
  const { checkpoint, revision } = await viewOf(system, id);
  const items = Object.fromEntries(
    Object.entries(checkpoint.items).map(([key, item]) => [key, { ...item, carrier: 0 }]),
  );
  await backend.contexts.update({ ...checkpoint, items, startSeq: start!.seq }, revision);
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ items: 1, starts: 0 });
  await drain(system);
  for (const one of [id, other]) await expectEnded(system, one);
});

test("one run can be repaired alone", async () => {
  await using system = stepwise();
  const [mended, other] = [await endedAndSetBack(system), await endedAndSetBack(system)];
  const { orchestrator } = system;
  expect(await orchestrator.repair({ runId: mended, quietMs: 0 })).toMatchObject({
    looked: 1,
    restored: 1,
  });
  await drain(system);
  await expectEnded(system, mended);
  expect(await orchestrator.status(other)).toBe("running");
  await expect(orchestrator.repair({ runId: "nobody" })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a worker stops what it executes of a run that was set back, and its answer does not count", async () => {
  const started = gate();
  let aborted = 0;
  let runs = 0;
  const slow = workflow({
    name: "slow",
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        run: async (context) => {
          runs += 1;
          if (runs > 1) return next(runs);
          started.open();
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          aborted += 1;
          return next(-1);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const flows = [chain(1, "first"), slow];
  await using system = new System(flows, { ackWaitMs: 30_000 });
  const id = await system.orchestrator.startRun(slow, 1);
  await system.orchestrator.pause(id);
  await system.idleWorker([slow]).runOnce(100);
  await system.orchestrator.resume(id);
  await system.worker(flows);
  await started.promise;
  expect(await system.orchestrator.repair({ restored: true })).toMatchObject({ restored: 1 });
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await system.orchestrator.result(id)).toBe(2);
  await eventually(() => expect(aborted).toBe(1));
});

test("a run that has gone on is left alone, although an old leader shows it as it was", async () => {
  await using system = stepwise();
  const { orchestrator, backend } = system;
  const id = await orchestrator.startRun(flow, 1);
  await step(system);
  const old = await viewOf(system, id);
  // The message that resumes it names a newer revision.
  await orchestrator.pause(id);
  await orchestrator.resume(id);
  const before = await viewOf(system, id);
  let looks = 0;
  const other = system.orchestratorOn([flow], {
    contexts: (own) => ({ get: async (runId) => (looks++ < 3 ? old : own.get(runId)) }),
  });
  await other.repair({ quietMs: 0, runId: id });
  expect(looks).toBeGreaterThan(2);
  expect(await viewOf(system, id)).toEqual(before);
  await drain(system);
  expect(await orchestrator.result(id)).toBe(5);
  expect(await backend.queue.queued(flow.name, id)).toEqual([]);
});

test("a look after a loss that fails half-way is made again, although nothing shows the loss any more", async () => {
  await using system = stepwise();
  await system.orchestrator.startRun(flow, 1);
  await step(system);
  let newest = 100;
  let fails = false;
  const orchestrator = system.orchestratorOn([flow], {
    contexts: (own) => ({
      newestRevision: async () => newest,
      page: (after, limit) => (fails ? outOfReach() : own.page(after, limit)),
    }),
  });
  await orchestrator.repair({ quietMs: 0 });
  newest = 60;
  fails = true;
  await expect(orchestrator.repair({ quietMs: 0 })).rejects.toThrow("out of reach");
  fails = false;
  // Workers have gone on meanwhile.
  newest = 120;
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ restored: 1 });
});

test("a run whose start request is just being sent is not given up", async () => {
  await using system = stepwise();
  const halt = new Halt();
  const starting = system.orchestratorOn([flow], {
    queue: (own) => ({
      start: async (...request) => {
        await halt.here();
        return own.start(...request);
      },
    }),
  });
  const started = starting.startRun(flow, 1);
  await halt.reached;
  const repaired = system.orchestrator.repair({ restored: true });
  await new Promise((resolve) => setTimeout(resolve, 100));
  halt.release();
  expect(await repaired).toMatchObject({ lost: 0 });
  await drain(system);
  expect(await system.orchestrator.result(await started)).toBe(5);
});
