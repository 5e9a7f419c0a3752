import { expect, test } from "vitest";
import type { Change } from "../../src/core/checkpoint/change.ts";
import { type Checkpoint, newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Delivery } from "../../src/core/ports/work-queue.ts";
import type { RunSession } from "../../src/engine/session.ts";
import { Carry } from "../../src/worker/carry.ts";
import type { Executor } from "../../src/worker/executor.ts";
import type { WorkerScope } from "../../src/worker/scope.ts";
import { chain } from "../support/flows.ts";
import { System } from "./system.ts";

// What a replica that is behind, or a queue that has forgotten something, makes engines believe.

const flow = chain(2);

test("a pause asks a worker whose heartbeat a list shows as it was long ago", async () => {
  await using system = new System([flow]);
  const worker = await system.worker([flow]);
  await expect.poll(async () => (await system.backend.liveness.list()).length).toBe(1);
  const asked: (number | readonly string[])[] = [];
  const orchestrator = system.orchestratorOn([flow], {
    liveness: (liveness) => ({
      list: async () => {
        const heartbeats = await liveness.list();
        return heartbeats.map((heartbeat) => ({ ...heartbeat, at: new Date(0).toISOString() }));
      },
    }),
    control: (control) => ({
      ask: (command, answers, timeoutMs) => {
        asked.push(answers);
        return control.ask(command, answers, timeoutMs);
      },
    }),
  });
  // Nobody takes it: the run is there, and goes nowhere.
  const id = await orchestrator.startRun(chain(1, "nobodys"), 1);
  await orchestrator.pause(id);
  expect(asked).toEqual([[worker.workerId]]);
});

test("a run that ended under a request which the queue has forgotten is listed by the one that a repair puts in its place", async () => {
  await using system = new System([flow]);
  const { contexts, runs, queue } = system.backend;
  // It dies before it writes lists.
  const dying = await system.worker([flow], {}, { runs: () => ({ replace: async () => {} }) });
  const runId = await system.orchestrator.startRun(flow, 1);
  await expect.poll(async () => (await contexts.get(runId))?.checkpoint.status).toBe("completed");
  await dying.stop();
  expect(await runs.get(runId)).toMatchObject({ status: "running" });
  const request = { workflow: flow.name, runId, input: 1, context: {}, version: null };
  await queue.start(request, { infoWritten: true, anew: true });
  await system.worker([flow]);
  await expect.poll(async () => (await runs.get(runId))?.status).toBe("completed");
});

test("an item that rests by now, as another carry of the process has learnt, does not count as handed over", async () => {
  const known = { runId: "r", workflow: "chain", version: 1, fingerprint: "f", inputHash: "h" };
  const begun = newCheckpoint({ ...known, startSeq: 1, context: {}, createdAt: 0 }, 0);
  const with1 = (more: object): Checkpoint => ({
    ...begun,
    started: true,
    items: { 1: { node: "n1", input: 1, attempt: 1, turn: 0, ...more } },
  });
  const before = with1({});
  const rests = {
    checkpoint: with1({ hold: { for: "approval", until: null, since: begun.createdAt } }),
    revision: 2,
  };
  const written: Change[] = [];
  const session: Partial<RunSession> = {
    fresh: true,
    known: rests,
    publishing: () => {},
    later: async (change) => void written.push(change),
  };
  let isAcked = false;
  const delivery: Partial<Delivery> = {
    deliveries: 1,
    ack: () => {
      isAcked = true;
    },
  };
  const scope: Partial<WorkerScope> = {
    clock: systemClock,
    options: { stepsInPlace: 100 } as WorkerScope["options"],
    backend: { queue: { enqueue: async () => {} } } as unknown as WorkerScope["backend"],
    stopping: () => false,
  };
  const carry = new Carry(
    scope as WorkerScope,
    {} as Executor,
    delivery as Delivery,
    { carrier: 1, turn: 0 },
    session as RunSession,
    flow,
  );
  await carry.run(before, 1);
  expect(isAcked).toBe(true);
  expect(written).toEqual([]);
});
