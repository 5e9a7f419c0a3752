import { expect, test } from "vitest";
import { z } from "zod";
import type { Delivery, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { next, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import type { Alterations } from "./altered.ts";
import { System } from "./system.ts";

/** Takes start requests and gives them back unexecuted, as a worker does that they do not fit. */
async function bounce(queue: WorkQueue, workflow: string, starts: number): Promise<void> {
  const source = { kind: "start", workflow } as const;
  const back: (() => void)[] = [];
  const patience = AbortSignal.timeout(1_000);
  await queue.pull(source, starts, (delivery) => back.push(() => delivery.giveBack()), patience);
  expect(back).toHaveLength(starts);
  for (const giveBack of back) giveBack();
}

/** One node that does what the test says. */
function one(run: (attempt: number) => void | Promise<void>, maxAttempts = 1, name = "one") {
  return workflow({
    name,
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        retry: { maxAttempts, initialMs: 20, backoff: "constant", jitter: 0 },
        run: async (c, n) => {
          await run(c.attempt);
          return next(n);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
}

/** Runs side by side, and how many there were at most. */
function crowd() {
  let now = 0;
  const seen = { began: 0, most: 0 };
  const within = async (work: () => Promise<void>): Promise<void> => {
    seen.began += 1;
    now += 1;
    seen.most = Math.max(seen.most, now);
    await work();
    now -= 1;
  };
  return { seen, within };
}

const never = new Promise<void>(() => {});
const someTurns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const RUNS = ["a", "b", "c"];

/** Three runs whose executions were written down and never heard of again. */
async function loseThree(system: System, flow: ReturnType<typeof one>, began: () => number) {
  for (const runId of RUNS) await system.orchestrator.startRun(flow, 1, { runId });
  await bounce(system.backend.queue, "one", RUNS.length);
  // Nothing is renewed: messages come again as from a worker that died.
  for (const _run of RUNS) void system.idleWorker([flow], {}, unrenewed).runOnce(100);
  await eventually(() => expect(began()).toBe(RUNS.length));
}

const unrenewed: Alterations = {
  queue: (own) => ({
    pull: (source, max, deliver, signal) =>
      own.pull(source, max, (delivery) => deliver(silent(delivery)), signal),
  }),
};

/** The delivery of a worker that says no more that it works on it. */
const silent = (delivery: Delivery): Delivery =>
  new Proxy(delivery, {
    get: (own, name) => {
      if (name === "working") return () => {};
      const value: unknown = Reflect.get(own, name);
      return typeof value === "function" ? value.bind(own) : value;
    },
  });

test("a message that only went from hand to hand loses no execution", async () => {
  let executions = 0;
  const flow = one((attempt) => {
    executions += 1;
    if (attempt < 4) throw new Error("not yet");
  }, 4);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const worker = system.idleWorker([flow]);
  const id = await system.orchestrator.startRun(flow, 1);
  while ((await system.orchestrator.status(id)) === "running") {
    for (let time = 0; time < 4; time++) await bounce(system.backend.queue, "one", 1);
    await worker.runOnce(100);
  }
  expect(await system.orchestrator.status(id)).toBe("completed");
  expect(executions).toBe(4);
  expect(await system.orchestrator.metrics(id)).toMatchObject({ lost: 0, retries: 3, failed: 0 });
  const errors = await system.orchestrator.errors(id);
  expect(errors.map(({ failure }) => failure.kind)).toEqual(["error", "error", "error"]);
});

test("items whose messages only went from hand to hand are executed side by side", async () => {
  const all = gate();
  const { seen, within } = crowd();
  const flow = one(() =>
    within(() => {
      if (seen.began === RUNS.length) all.open();
      return all.promise;
    }),
  );
  await using system = new System([flow], { ackWaitMs: 30_000 });
  for (const runId of RUNS) await system.orchestrator.startRun(flow, 1, { runId });
  for (let time = 0; time < 3; time++) await bounce(system.backend.queue, "one", RUNS.length);
  await system.worker([flow]);
  for (const runId of RUNS) {
    await system.orchestrator.waitForCompletion(runId, { timeoutMs: 2_000 });
    expect(await system.orchestrator.metrics(runId)).toMatchObject({ lost: 0 });
  }
  expect(seen.most).toBe(RUNS.length);
});

test("items that lost an execution are counted so, and executed one at a time", async () => {
  let began = 0;
  const { seen, within } = crowd();
  const flow = one(() => {
    began += 1;
    return began <= RUNS.length ? never : within(someTurns);
  });
  await using system = new System([flow], { ackWaitMs: 150 });
  await loseThree(system, flow, () => began);
  await system.worker([flow]);
  for (const runId of RUNS) {
    await system.orchestrator.waitForCompletion(runId, { timeoutMs: 2_000 });
    expect(await system.orchestrator.metrics(runId)).toMatchObject({ lost: 1, failed: 0 });
    const errors = await system.orchestrator.errors(runId);
    expect(errors.map(({ failure }) => failure.kind)).toEqual(["lost"]);
  }
  expect(seen).toEqual({ began: RUNS.length, most: 1 });
});

test("stopping waits for one grace, however many items wait to be executed one at a time", async () => {
  let began = 0;
  const flow = one(() => {
    began += 1;
    return never;
  });
  await using system = new System([flow], { ackWaitMs: 150 });
  await loseThree(system, flow, () => began);
  const worker = await system.worker([flow]);
  await eventually(() => expect(began).toBe(RUNS.length + 1));
  await eventually(async () => {
    const [backlog] = await system.orchestrator.backlog();
    expect(backlog).toMatchObject({ inFlight: RUNS.length });
  });
  await worker.stop({ graceMs: 20 });
  expect(began).toBe(RUNS.length + 1);
  expect(worker.health().running).toBe(0);
});

test("a worker without a free slot leaves new work to one that has some", async () => {
  const started = gate();
  const go = gate();
  const slow = one(
    () => {
      started.open();
      return go.promise;
    },
    1,
    "slow",
  );
  const quick = chain(1, "quick");
  await using system = new System([slow, quick], { ackWaitMs: 30_000 });
  const deliveries: number[] = [];
  await system.worker([slow, quick], { concurrency: 1 });
  const waiting = await system.orchestrator.startRun(slow, 1);
  await started.promise;
  const id = await system.orchestrator.startRun(quick, 1);
  await system.worker(
    [quick],
    {},
    {
      queue: (own) => ({
        pull: (source, max, deliver, signal) => {
          const seen: typeof deliver = (delivery) => {
            deliveries.push(delivery.deliveries);
            deliver(delivery);
          };
          return own.pull(source, max, seen, signal);
        },
      }),
    },
  );
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 1_000 });
  expect(deliveries).toEqual([1]);
  go.open();
  await system.orchestrator.waitForCompletion(waiting, { timeoutMs: 1_000 });
});
