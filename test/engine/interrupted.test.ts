import { expect, test } from "vitest";
import { z } from "zod";
import { hold, next, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { outOfReach } from "./altered.ts";
import { System } from "./system.ts";

/** Asks, and asks once more; says what released it. Its holds last a minute. */
function asking() {
  const wakes: string[] = [];
  const flow = workflow({
    name: "asking",
    version: 1,
    nodes: {
      ask: node({
        input: z.number(),
        output: z.array(z.string()),
        signals: { go: z.number() },
        run: (c, times) => {
          wakes.push(c.wake?.type ?? "first");
          return wakes.length > times ? next(wakes) : hold({ for: "go", timeoutMs: 60_000 });
        },
      }),
    },
    start: "ask",
    edges: { ask: [] },
  });
  return { flow, wakes };
}

test("a resume that was interrupted after its commit is finished by the next one", async () => {
  const flow = chain(3);
  await using system = new System([flow]);
  const { orchestrator } = system;
  const id = await orchestrator.startRun(flow, 0);
  await orchestrator.pause(id);
  const worker = system.idleWorker([flow]);
  await worker.runOnce(100);
  const dying = system.orchestratorOn([flow], { queue: () => ({ enqueue: outOfReach }) });
  await expect(dying.resume(id)).rejects.toMatchObject({ code: "backend" });
  expect((await orchestrator.listRuns()).items).toMatchObject([{ status: "running" }]);
  expect(await orchestrator.pendingWork(id)).toMatchObject({ queued: 0 });
  await orchestrator.resume(id);
  await worker.runOnce(100);
  expect(await orchestrator.result(id)).toBe(3);
  await expect(orchestrator.resume(id)).rejects.toMatchObject({ code: "illegal_state" });
});

test("a resume of a run whose work is queued already is refused, and files it as it is", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  const id = await system.orchestrator.startRun(flow, 0);
  await system.orchestrator.pause(id);
  await system.idleWorker([flow]).runOnce(100);
  await system.orchestrator.resume(id);
  await expect(system.orchestrator.resume(id)).rejects.toThrow(/it is running/);
  expect(await system.orchestrator.pendingWork(id)).toMatchObject({ queued: 1 });
  expect((await system.orchestrator.listRuns()).items).toMatchObject([{ status: "running" }]);
});

test("a signal leaves the timer of the hold that follows alone", async () => {
  const { flow, wakes } = asking();
  await using system = new System([flow]);
  const worker = system.idleWorker([flow]);
  const id = await system.orchestrator.startRun(flow, 2);
  await worker.runOnce(100);
  // Between the steps of the signal the worker does whatever there is to do.
  const slow = system.orchestratorOn([flow], {
    queue: (own) => ({
      unschedule: async (...item) => {
        await worker.runOnce(100);
        await own.unschedule(...item);
      },
    }),
  });
  await slow.signal(id, "go", 1);
  await worker.runOnce(100);
  expect(wakes).toEqual(["first", "signal"]);
  expect(await system.orchestrator.listWorkItems(id)).toMatchObject([{ state: "held" }]);
  expect(await system.backend.queue.queued("asking", id)).toMatchObject([{ scheduled: true }]);
});

test("a signal that was interrupted after its commit is finished by the same call again", async () => {
  const { flow, wakes } = asking();
  await using system = new System([flow]);
  const worker = system.idleWorker([flow]);
  const id = await system.orchestrator.startRun(flow, 1);
  await worker.runOnce(100);
  const dying = system.orchestratorOn([flow], { queue: () => ({ enqueue: outOfReach }) });
  const signalling = dying.signal(id, "go", 1, { signalId: "only" });
  await expect(signalling).rejects.toMatchObject({ code: "backend" });
  await system.orchestrator.signal(id, "go", 1, { signalId: "only" });
  await worker.runOnce(100);
  expect(await system.orchestrator.result(id)).toEqual(["first", "signal"]);
  expect(wakes).toHaveLength(2);
});

test("a wait whose watch could not begin fails, and the next one watches anew", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  let reachable = false;
  const orchestrator = system.orchestratorOn([flow], {
    runs: (own) => ({
      watchEnded: (onEnded) => (reachable ? own.watchEnded(onEnded) : outOfReach()),
    }),
  });
  const id = await orchestrator.startRun(flow, 1);
  await expect(orchestrator.waitForCompletion(id)).rejects.toMatchObject({ code: "backend" });
  reachable = true;
  const ended = orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  await system.worker([flow]);
  expect(await ended).toMatchObject({ status: "completed" });
});

test("closing an orchestrator gives up its waits", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  const watching = gate();
  const orchestrator = system.orchestratorOn([flow], {
    runs: (own) => ({
      watchEnded: (onEnded) => {
        watching.open();
        return own.watchEnded(onEnded);
      },
    }),
  });
  const id = await orchestrator.startRun(flow, 1);
  const waiting = expect(orchestrator.waitForCompletion(id)).rejects.toMatchObject({
    code: "cancelled",
  });
  await watching.promise;
  await orchestrator.close();
  await waiting;
});

test("a worker that is stopped while it starts takes nothing", async () => {
  const flow = chain(1);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  let pulls = 0;
  const worker = system.idleWorker(
    [flow],
    {},
    {
      queue: (own) => ({
        pull: (...request) => {
          pulls += 1;
          return own.pull(...request);
        },
      }),
    },
  );
  const starting = worker.start();
  await worker.stop();
  await starting;
  const id = await system.orchestrator.startRun(flow, 1);
  await system.worker([flow], { workerId: "other" });
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(pulls).toBe(0);
  await eventually(async () => expect(await system.orchestrator.listWorkers()).toEqual(["other"]));
});

test("the same signal sent again takes no timer from the hold that follows", async () => {
  const { flow, wakes } = asking();
  await using system = new System([flow]);
  const worker = system.idleWorker([flow]);
  const id = await system.orchestrator.startRun(flow, 2);
  await worker.runOnce(100);
  await system.orchestrator.signal(id, "go", 1, { signalId: "only" });
  // The caller has no answer and repeats it; meanwhile the worker goes into the next hold.
  const again = system.orchestratorOn([flow], {
    queue: (own) => ({
      unschedule: async (...item) => {
        await worker.runOnce(100);
        await own.unschedule(...item);
      },
    }),
  });
  await again.signal(id, "go", 1, { signalId: "only" });
  expect(wakes).toEqual(["first", "signal"]);
  const queued = await system.backend.queue.queued("asking", id);
  expect(queued.filter(({ scheduled }) => scheduled)).toHaveLength(1);
});

test("a timer that is stored late does not replace that of the hold that follows", async () => {
  const { flow, wakes } = asking();
  await using system = new System([flow]);
  const late = gate();
  // Its connection is slow just when it sets the timer of the first hold.
  const slow = system.idleWorker(
    [flow],
    {},
    {
      queue: (own) => ({
        schedule: async (...args) => {
          await late.promise;
          await own.schedule(...args);
        },
      }),
    },
  );
  const id = await system.orchestrator.startRun(flow, 2);
  const slowly = slow.runOnce(100);
  await eventually(async () => {
    expect(await system.orchestrator.listWorkItems(id)).toMatchObject([{ state: "held" }]);
  });
  await system.orchestrator.signal(id, "go", 1);
  await system.idleWorker([flow]).runOnce(100);
  expect(wakes).toEqual(["first", "signal"]);
  const timersOf = async () => {
    const queued = await system.backend.queue.queued("asking", id);
    return queued.flatMap(({ scheduled, turn, seq }) => (scheduled ? [{ turn, seq }] : []));
  };
  const [timer] = await timersOf();
  late.open();
  await slowly;
  expect(await timersOf()).toContainEqual(timer);
});

test("a cancelled run that nobody has begun leaves no start request behind", async () => {
  const { flow } = asking();
  await using system = new System([flow]);
  const other = await system.orchestrator.startRun(flow, 1);
  const id = await system.orchestrator.startRun(flow, 2);
  await system.orchestrator.cancel(id);
  const waiting = await system.backend.queue.startsWaiting(10);
  expect(waiting.map(({ messageId }) => messageId)).toEqual([other]);
});
