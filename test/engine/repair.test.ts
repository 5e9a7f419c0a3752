import { expect, test } from "vitest";
import { z } from "zod";
import { iso, systemClock } from "../../src/core/clock.ts";
import { FloxideError, RetryLater } from "../../src/core/errors.ts";
import type { QueueKind, WorkQueue } from "../../src/core/ports/work-queue.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { toRunInfo } from "../../src/core/records/run-info.ts";
import { inputHashOf } from "../../src/core/records/start-request.ts";
import type { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { hold, next, nextAll, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { outOfReach } from "./altered.ts";
import { System } from "./system.ts";

/** Forks into three, whatever it is given. */
const fork = workflow({
  name: "fork",
  version: 1,
  nodes: {
    fork: node({ input: z.number(), output: z.number(), run: () => nextAll([1, 2, 3]) }),
    leaf: node({ input: z.number(), output: z.number(), run: (_c, n) => next(n) }),
  },
  start: "fork",
  edges: { fork: ["leaf"], leaf: [] },
});

const NOTHING = {
  runs: 0,
  items: 0,
  starts: 0,
  projections: 0,
  restored: 0,
  lost: 0,
  unreadable: 0,
};
const repair = (orchestrator: Orchestrator) => orchestrator.repair({ quietMs: 0 });

/** A queue that believes everything of a kind acknowledged, as after a fault of the server. */
const believingAcknowledged = (kind: QueueKind) => ({
  queue: (own: WorkQueue) => ({
    ackFloor: async (source: Parameters<WorkQueue["ackFloor"]>[0]) =>
      source.kind === kind ? 1_000_000 : own.ackFloor(source),
  }),
});

/** Takes whatever is there to take. */
async function drain(system: System, flow: ReturnType<typeof chain> | typeof fork) {
  const worker = system.idleWorker([flow]);
  while (await worker.runOnce(100));
}

/** A run of the fork that waits, paused, for its first item. */
async function pausedRun(system: System): Promise<string> {
  const id = await system.orchestrator.startRun(fork, 1);
  await system.orchestrator.pause(id);
  await system.idleWorker([fork]).runOnce(100);
  return id;
}

test("items whose messages are gone are queued again, once", async () => {
  await using system = new System([fork], { ackWaitMs: 30_000 });
  const { orchestrator } = system;
  const id = await orchestrator.startRun(fork, 1);
  await system.idleWorker([fork]).runOnce(100);
  await system.backend.queue.dropRun("fork", id);
  expect(await repair(orchestrator)).toEqual({ ...NOTHING, looked: 1, runs: 1, items: 2 });
  expect(await repair(orchestrator)).toEqual({ ...NOTHING, looked: 1 });
  await drain(system, fork);
  expect((await orchestrator.outputs(id)).toSorted()).toEqual([1, 2, 3]);
});

test("a run whose last commit was stamped by a clock that is far ahead is looked at", async () => {
  await using system = new System([fork], { ackWaitMs: 30_000 });
  const { contexts, queue } = system.backend;
  const id = await system.orchestrator.startRun(fork, 1);
  await system.idleWorker([fork]).runOnce(100);
  await queue.dropRun("fork", id);
  const view = await contexts.get(id);
  const updatedAt = iso(systemClock.now() + 3_600_000);
  await contexts.update({ ...view!.checkpoint, updatedAt }, view!.revision);
  const found = await system.orchestrator.repair({ quietMs: 60_000 });
  expect(found).toMatchObject({ runs: 1, items: 2 });
});

test("items whose messages the queue believes acknowledged get new ones", async () => {
  await using system = new System([fork], { ackWaitMs: 30_000 });
  const id = await system.orchestrator.startRun(fork, 1);
  await system.idleWorker([fork]).runOnce(100);
  const before = await system.backend.queue.queued("fork", id);
  const orchestrator = system.orchestratorOn([fork], believingAcknowledged("work"));
  expect(await repair(orchestrator)).toMatchObject({ runs: 1, items: 2 });
  const after = await system.backend.queue.queued("fork", id);
  expect(after.map(({ item }) => item)).toEqual(before.map(({ item }) => item));
  const newest = Math.max(...before.map(({ seq }) => seq));
  expect(after.filter(({ seq }) => seq <= newest)).toEqual([]);
  await drain(system, fork);
  expect(await system.orchestrator.metrics(id)).toMatchObject({ status: "completed", items: 4 });
});

test("a run whose resume was interrupted is filed as running, and queued again", async () => {
  await using system = new System([fork]);
  const id = await pausedRun(system);
  const dying = system.orchestratorOn([fork], { queue: () => ({ enqueue: outOfReach }) });
  await expect(dying.resume(id)).rejects.toMatchObject({ code: "backend" });
  expect(await repair(system.orchestrator)).toEqual({ ...NOTHING, looked: 1, runs: 1, items: 1 });
  await drain(system, fork);
  expect(await system.orchestrator.status(id)).toBe("completed");
});

test("a running run that is filed as paused is filed anew, and queued again", async () => {
  await using system = new System([fork]);
  const id = await pausedRun(system);
  await system.orchestrator.resume(id);
  await system.backend.queue.dropRun("fork", id);
  const view = await system.backend.contexts.get(id);
  const paused = { ...view!.checkpoint, status: "paused" } as const;
  await system.backend.runs.replace(toRunInfo(paused, view!.revision), null);
  expect(await repair(system.orchestrator)).toMatchObject({ runs: 1, items: 1, projections: 1 });
  expect(await system.backend.runs.get(id)).toMatchObject({ status: "running" });
  await drain(system, fork);
  expect(await system.orchestrator.status(id)).toBe("completed");
});

test("a paused run that is filed as running is filed anew, and not queued", async () => {
  await using system = new System([fork]);
  const id = await pausedRun(system);
  const view = await system.backend.contexts.get(id);
  const running = { ...view!.checkpoint, status: "running" } as const;
  await system.backend.runs.replace(toRunInfo(running, view!.revision), null);
  expect(await repair(system.orchestrator)).toMatchObject({ items: 0, projections: 1 });
  expect(await system.backend.runs.get(id)).toMatchObject({ status: "paused" });
  expect(await system.orchestrator.pendingWork(id)).toMatchObject({ queued: 0 });
});

test("a start request that the queue has forgotten is queued again, under the same run id", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  await system.backend.queue.prepare("chain");
  system.world.publishStart("chain", '{"input":1}', "named by its message");
  const id = await system.orchestrator.startRun(flow, 2);
  const before = await system.backend.queue.startsWaiting(10);
  const orchestrator = system.orchestratorOn([flow], believingAcknowledged("start"));
  expect(await repair(orchestrator)).toMatchObject({ starts: 2, items: 0 });
  const after = await system.backend.queue.startsWaiting(10);
  expect(after.map(({ seq }) => seq)).not.toEqual(before.map(({ seq }) => seq));
  await drain(system, flow);
  expect(await system.orchestrator.result("named by its message")).toBe(3);
  expect(await system.orchestrator.result(id)).toBe(4);
});

test("a filed run without a start request is taken off the list, unless it is young", async () => {
  const flow = chain(1);
  const now = systemClock.now();
  const filed = (runId: string, ageMs: number): RunInfo => ({
    runId,
    workflow: "chain",
    version: 1,
    createdAt: new Date(now - ageMs).toISOString(),
    inputHash: "",
    revision: 0,
    status: "running",
  });
  await using system = new System([flow]);
  const { runs, queue } = system.backend;
  const request = { workflow: "chain", runId: "waiting", input: 1, context: {}, version: 1 };
  await runs.create(filed("ghost", 700_000));
  await runs.create(filed("young", 500_000));
  await runs.create(filed("waiting", 700_000));
  await queue.start(request, { infoWritten: true });
  expect(await repair(system.orchestrator)).toEqual({ ...NOTHING, looked: 3, projections: 1 });
  const { items } = await system.orchestrator.listRuns();
  expect(items.map(({ runId }) => runId).toSorted()).toEqual(["waiting", "young"]);
});

test.each([
  { what: "taken off the list", revision: 0 },
  { what: "given up", revision: 3 },
])(
  "a filed run whose start request comes while runs are looked at is not $what",
  async ({ revision }) => {
    const flow = chain(1);
    await using system = new System([flow]);
    const { backend } = system;
    const request = { workflow: "chain", runId: "ghost", input: 1, context: {} };
    await backend.runs.create({
      runId: "ghost",
      workflow: "chain",
      version: 1,
      createdAt: new Date(systemClock.now() - 700_000).toISOString(),
      inputHash: inputHashOf(request),
      revision,
      status: "running",
    });
    const orchestrator = system.orchestratorOn([flow], {
      contexts: () => ({ newestRevision: async () => revision }),
      runs: (own) => ({
        scan: async (status, from, limit) => {
          const part = await own.scan(status, from, limit);
          if (status === "running") {
            await system.orchestrator.startRun(flow, 1, { runId: "ghost" });
          }
          return part;
        },
      }),
    });
    expect(await repair(orchestrator)).toEqual({ ...NOTHING, looked: 1 });
    expect(await backend.runs.get("ghost")).toMatchObject({ status: "running" });
    await drain(system, flow);
    expect(await system.orchestrator.result("ghost")).toBe(2);
  },
);

test("a look reads each floor once, and start requests only for runs that one moves", async () => {
  await using system = new System([fork], { ackWaitMs: 30_000 });
  for (let run = 0; run < 10; run++) await system.orchestrator.startRun(fork, run);
  await drainStarts(system, 10);
  const asked: string[] = [];
  const orchestrator = system.orchestratorOn([fork], {
    queue: (own) => ({
      ackFloor: async (source) => {
        asked.push(source.kind);
        return own.ackFloor(source);
      },
      startAt: async (seq) => {
        asked.push("start at");
        return own.startAt(seq);
      },
    }),
  });
  expect(await repair(orchestrator)).toEqual({ ...NOTHING, looked: 10 });
  expect(asked.toSorted()).toEqual(["start", "work"]);
});

const HOWS = z.enum(["run", "hold", "hold for a time", "retry"]);

test("runs that are executed, that wait, or that committed lately are left alone", async () => {
  const started = gate();
  const go = gate();
  const flow = workflow({
    name: "patient",
    version: 1,
    nodes: {
      // The item that follows in place has no message but the start request.
      look: node({ input: HOWS, output: HOWS, run: (_c, how) => next(how) }),
      work: node({
        input: HOWS,
        output: z.string(),
        run: async (_c, how) => {
          if (how === "hold") return hold({ for: "go" });
          if (how === "hold for a time") return hold({ timeoutMs: 60_000 });
          if (how === "retry") throw new RetryLater({ afterMs: 60_000 });
          started.open();
          await go.promise;
          return next(how);
        },
      }),
    },
    start: "look",
    edges: { look: ["work"], work: [] },
  });
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const { orchestrator } = system;
  const worker = await system.worker([flow]);
  for (const how of HOWS.options) {
    await orchestrator.startRun(flow, how, { runId: how });
  }
  await started.promise;
  await eventually(async () => {
    const [backlog] = await orchestrator.backlog();
    expect(backlog).toMatchObject({ starts: 0, inFlight: 1 });
  });
  expect(await repair(orchestrator)).toEqual({ ...NOTHING, looked: 4 });
  await system.backend.queue.dropRun("patient", "hold for a time");
  expect(await orchestrator.repair()).toEqual({ ...NOTHING, looked: 4 });
  expect(await repair(orchestrator)).toMatchObject({ runs: 1, items: 1 });
  expect(worker.health().running).toBe(1);
  go.open();
  await orchestrator.waitForCompletion("run", { timeoutMs: 2_000 });
});

test("a run that cannot be read keeps no other from being repaired", async () => {
  await using system = new System([fork], { ackWaitMs: 30_000 });
  await system.orchestrator.startRun(fork, 1, { runId: "older" });
  await system.orchestrator.startRun(fork, 1, { runId: "unreadable" });
  await drainStarts(system, 2);
  await system.backend.queue.dropRun("fork", "older");
  const orchestrator = system.orchestratorOn([fork], {
    contexts: (own) => ({
      get: async (runId, atLeast) => {
        if (runId !== "unreadable") return own.get(runId, atLeast);
        throw new FloxideError("validation", "this is no checkpoint");
      },
    }),
  });
  expect(await repair(orchestrator)).toMatchObject({ looked: 2, runs: 1, items: 2 });
});

/** Begins the runs that wait, each as far as its first leaf. */
async function drainStarts(system: System, runs: number): Promise<void> {
  const worker = system.idleWorker(
    [fork],
    {},
    {
      queue: (own) => ({
        pull: async (source, ...rest) =>
          source.kind === "start" ? own.pull(source, ...rest) : undefined,
      }),
    },
  );
  for (let run = 0; run < runs; run++) await worker.runOnce(100);
}
