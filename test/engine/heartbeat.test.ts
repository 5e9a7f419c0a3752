import { expect, test } from "vitest";
import { z } from "zod";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import type { Heartbeat } from "../../src/core/records/liveness.ts";
import { ManualClock } from "../../src/memory/timers.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { Worker } from "../../src/worker/worker.ts";
import { type AnyWorkflow, next, node, workflow } from "../../src/workflows/index.ts";
import { chain } from "../support/flows.ts";
import { gatedFlow } from "../support/gated-flow.ts";

test("a heartbeat that is not written is said once, without a stack, however many were due meanwhile", async () => {
  const clock = new ManualClock({ startMs: 0 });
  const backend = new MemoryWorld({ clock }).open();
  const lines: object[] = [];
  let fail: (() => void) | null = null;
  let isAway = false;
  const { liveness } = backend;
  const put: typeof liveness.put = (say) =>
    isAway
      ? new Promise((_resolve, reject) => {
          fail = () => reject(new Error("the connection to NATS is closed"));
        })
      : liveness.put(say);
  const away = Object.assign(Object.create(liveness) as typeof liveness, {
    put,
    remove: (id: string) => liveness.remove(id),
  });
  const log = {
    ...silentLogger,
    warn: (fields: object, message: string) => lines.push({ ...fields, message }),
  };
  const parts = { backend: { ...backend, liveness: away }, workflows: [chain(1)], clock, log };
  const worker = new Worker(parts, { workerId: "w", heartbeatMs: 1_000 });
  await worker.start();
  isAway = true;
  await clock.advance(5_000);
  expect(lines).toEqual([]);
  (fail as (() => void) | null)?.();
  await clock.advance(1);
  expect(lines).toEqual([
    {
      message: "heartbeat not written",
      reason: "the connection to NATS is closed",
      workerId: "w",
    },
  ]);
  isAway = false;
  await worker.stop({ graceMs: 0 });
});

/** A worker that has started on a backend that notes each heartbeat, and its clock. */
async function noted({ flow = chain(1) as AnyWorkflow, heartbeatMs = 1_000 } = {}) {
  const clock = new ManualClock({ startMs: 0 });
  const backend = new MemoryWorld({ clock }).open();
  const { liveness } = backend;
  const said: [number, string, number | undefined][] = [];
  const awake = new Set<() => void>();
  const store = {
    /** What the next ones wait for. */
    until: null as Promise<void> | null,
    /** How the last one was made. */
    say: (): Heartbeat | null => null,
  };
  const put: typeof liveness.put = async (say) => {
    store.say = say;
    const heartbeat = say();
    if (heartbeat === null) return;
    said.push([clock.now(), heartbeat.status, heartbeat.nextMs]);
    await store.until;
    await liveness.put(() => heartbeat);
  };
  const watchAwake = (onAwake: () => void): (() => void) => {
    awake.add(onAwake);
    return () => awake.delete(onAwake);
  };
  /** Moves the clock on to this time, at which the process wakes for another reason. */
  const wokenAt = async (ms: number): Promise<void> => {
    await clock.advance(ms - clock.now());
    for (const onAwake of awake) onAwake();
    await clock.advance(0);
  };
  const parts = {
    backend: { ...backend, liveness: { ...liveness, put }, watchAwake },
    workflows: [flow],
    clock,
  };
  const worker = new Worker(parts, { workerId: "w", heartbeatMs });
  await worker.start();
  return { ...parts, worker, said, awake, store, wokenAt };
}

test("a worker with nothing to do says less, and how much less; with a run in hand it says it as usual, from its begin on", async () => {
  const { flow, go } = gatedFlow("waits");
  const { clock, worker, said, ...parts } = await noted({ flow });
  await clock.advance(10_500);
  expect(said.splice(0)).toEqual([
    [0, "idle", 1_000],
    [1_000, "idle", 4_000],
    [5_000, "idle", 4_000],
    [9_000, "idle", 4_000],
  ]);
  const orchestrator = new Orchestrator({ ...parts, clock });
  await orchestrator.startRun(flow, 1, { runId: "r" });
  await clock.advance(2_500);
  expect(said.splice(0)).toEqual([
    [10_600, "busy", 1_000],
    [11_600, "busy", 1_000],
    [12_600, "busy", 1_000],
  ]);
  go.open();
  await clock.advance(6_000);
  expect(said).toEqual([
    [13_600, "idle", 4_000],
    [17_600, "idle", 4_000],
  ]);
  await worker.stop({ graceMs: 0 });
});

test("a worker that has executed something since its last heartbeat does not rest yet", async () => {
  const { clock, worker, said, wokenAt, ...parts } = await noted();
  const orchestrator = new Orchestrator({ ...parts, clock });
  await clock.advance(1_200);
  said.splice(0);
  await orchestrator.startRun(chain(1), 1, { runId: "r" });
  // Awake for another reason just then: what was begun with is not put off by a rest.
  await wokenAt(1_250);
  await clock.advance(1_550);
  expect(said).toEqual([
    [1_300, "idle", 1_000],
    [2_300, "idle", 4_000],
  ]);
  await worker.stop({ graceMs: 0 });
});

test.each([
  [30_000, 60_000],
  [90_000, 90_000],
])("a worker with a heartbeat each %i ms rests for %i ms", async (heartbeatMs, restMs) => {
  const { clock, worker, said } = await noted({ heartbeatMs });
  await clock.advance(heartbeatMs + restMs);
  expect(said).toEqual([
    [0, "idle", heartbeatMs],
    [heartbeatMs, "idle", restMs],
    [heartbeatMs + restMs, "idle", restMs],
  ]);
  await worker.stop({ graceMs: 0 });
});

test("heartbeats that were due while one waited for its answer are said at once, as one, when it has it", async () => {
  const { clock, worker, said, store } = await noted();
  await clock.advance(900);
  let answer = (): void => {};
  store.until = new Promise((resolve) => {
    answer = resolve;
  });
  await clock.advance(8_600);
  expect(said.splice(0).map(([at]) => at)).toEqual([0, 1_000]);
  store.until = null;
  answer();
  await clock.advance(3_000);
  expect(said.map(([at]) => at)).toEqual([9_500]);
  await worker.stop({ graceMs: 0 });
});

test("a heartbeat that failed is not followed by a rest", async () => {
  const { clock, worker, said, store } = await noted();
  await clock.advance(4_900);
  store.until = Promise.reject(new Error("no answer"));
  store.until.catch(() => {});
  await clock.advance(2_200);
  store.until = null;
  await clock.advance(1_000);
  expect(said.map(([at]) => at)).toEqual([0, 1_000, 5_000, 6_000, 7_000, 8_000]);
  await worker.stop({ graceMs: 0 });
});

test("a worker that has stopped says no more, though its last heartbeat is to be repeated", async () => {
  const { worker, store } = await noted();
  expect(store.say()).toMatchObject({ workerId: "w" });
  await worker.stop({ graceMs: 0 });
  expect(store.say()).toBeNull();
});

test("a worker that rests says so when its process is awake anyway, not again just after, and never later than it said by an eighth", async () => {
  const { clock, worker, said, awake, wokenAt } = await noted();
  const times = () => said.splice(0).map(([at]) => at);
  await wokenAt(900);
  await wokenAt(1_400);
  await wokenAt(5_200);
  expect(times()).toEqual([0, 1_000, 5_200]);
  // Woken all the time it says so no more than twice as often as a worker that executes, nor is it kept from saying it.
  for (let ms = 5_450; ms < 7_200; ms += 250) await wokenAt(ms);
  expect(times()).toEqual([5_700, 6_200, 6_700]);
  for (let ms = 11_000; ms <= 23_000; ms += 4_000) await wokenAt(ms);
  expect(times()).toEqual([10_950, 15_000, 19_000, 23_000]);
  await clock.advance(8_000);
  expect(times()).toEqual([27_000, 31_000]);
  await worker.stop({ graceMs: 0 });
  expect(awake.size).toBe(0);
});

test("a worker that rests is alive for as long as it said, and half as long again", async () => {
  const clock = new ManualClock({ startMs: 0 });
  const backend = new MemoryWorld({ clock }).open();
  const parts = { backend, workflows: [chain(1)], clock };
  const worker = new Worker(parts, { workerId: "w", heartbeatMs: 5_000 });
  const orchestrator = new Orchestrator({ backend, workflows: [chain(1)], clock });
  await worker.start();
  await clock.advance(5_000);
  // As if it had been killed.
  const [last] = await backend.liveness.list();
  await worker.stop({ graceMs: 0 });
  if (last !== undefined) await backend.liveness.put(() => last);
  const alive = async () => (await orchestrator.liveness())["w"];
  await clock.advance(29_999);
  expect(await alive()).toBe("alive");
  await clock.advance(1);
  expect(await alive()).toBe("stale");
  await clock.advance(60_000);
  expect(await alive()).toBe("dead");
});

test("a node that blocks the event loop is named in the log", async () => {
  const lines: object[] = [];
  const log = {
    ...silentLogger,
    warn: (fields: object, message: string) => lines.push({ ...fields, message }),
  };
  let ms = 0;
  // Time passes without a timer having its turn: so a blocked event loop looks.
  const blocked = late(systemClock, () => ms);
  const flow = workflow({
    name: "busy",
    version: 1,
    nodes: {
      compute: node({
        input: z.null(),
        output: z.null(),
        run: () => {
          ms += 10_000;
          return next(null);
        },
      }),
    },
    start: "compute",
    edges: { compute: [] },
  });
  const backend = new MemoryWorld().open();
  const worker = new Worker({ backend, workflows: [flow], clock: blocked, log }, { workerId: "w" });
  await new Orchestrator({ backend, workflows: [flow] }).startRun(flow, null, {
    runId: "r",
  });
  await worker.runOnce();
  expect(lines).toEqual([
    {
      message: expect.stringMatching('node "compute" blocked the event loop for 1\\d{4} ms'),
      runId: "r",
      node: "compute",
      item: 1,
      attempt: 1,
      blockedMs: expect.any(Number),
    },
  ]);
});

test("an event loop that stood still between two heartbeats is said", async () => {
  const lines: string[] = [];
  const clock = new ManualClock({ startMs: 0 });
  const log = { ...silentLogger, warn: (_fields: object, message: string) => lines.push(message) };
  let ms = 0;
  const blocked = late(clock, () => ms);
  const backend = new MemoryWorld({ clock }).open();
  const parts = { backend, workflows: [chain(1)], clock: blocked, log };
  const worker = new Worker(parts, { workerId: "w", heartbeatMs: 1_000 });
  await worker.start();
  await clock.advance(5_000);
  expect(lines).toEqual([]);
  ms += 3_000;
  await clock.advance(4_000);
  expect(lines).toEqual([expect.stringMatching("the event loop was blocked for 3000 ms or more")]);
  await worker.stop({ graceMs: 0 });
});

/** A clock that is ahead of its timers. */
const late = (clock: Clock, ms: () => number): Clock => ({
  now: () => clock.now() + ms(),
  elapsed: () => clock.elapsed() + ms(),
  after: (after, run) => clock.after(after, run),
  random: () => clock.random(),
});
