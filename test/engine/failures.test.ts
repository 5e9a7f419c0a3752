import { expect, test } from "vitest";
import { z } from "zod";
import { FatalError, RetryLater } from "../../src/core/errors.ts";
import type { RetryPolicy } from "../../src/core/retry-policy.ts";
import { Worker } from "../../src/worker/worker.ts";
import { abort, hold, next, node, split, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { System } from "./system.ts";

const retry: RetryPolicy = { maxAttempts: 3, initialMs: 5, backoff: "constant", jitter: 0 };

/** One node that does what the test says. */
function one(
  run: (attempt: number, signal: AbortSignal) => unknown,
  options: { readonly timeoutMs?: number; readonly retry?: RetryPolicy } = { retry },
) {
  return workflow({
    name: "one",
    version: 1,
    nodes: {
      only: node({
        ...options,
        input: z.null(),
        output: z.string(),
        run: async (c) => next((await run(c.attempt, c.signal)) as string),
      }),
    },
    start: "only",
    edges: { only: [] },
  });
}

async function failureOf(flow: ReturnType<typeof one>) {
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  return {
    info,
    failure: info.status === "failed" ? info.failure : null,
    errors: await system.orchestrator.errors(id),
  };
}

test("a fatal error is not tried again", async () => {
  const { failure, errors } = await failureOf(
    one(() => {
      throw new FatalError("no card");
    }),
  );
  expect(failure).toMatchObject({
    kind: "error",
    name: "FatalError",
    message: "no card",
    fatal: true,
    attempt: 1,
  });
  expect(errors).toHaveLength(1);
});

test("an output that the schema refuses is a failed attempt", async () => {
  const { failure, errors } = await failureOf(one(() => 42));
  expect(failure).toMatchObject({ kind: "validation", attempt: 3 });
  expect(errors).toHaveLength(3);
});

test("a node that hangs past its timeout is a failed attempt, and its signal is aborted", async () => {
  const aborted: unknown[] = [];
  const { failure } = await failureOf(
    one(
      (_attempt, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.push(signal.reason));
        }),
      { timeoutMs: 20 },
    ),
  );
  expect(failure).toMatchObject({ kind: "timeout", message: 'node "only" ran longer than 20 ms' });
  expect(aborted).toHaveLength(1);
});

test("RetryLater is tried again when it said, without a policy too", async () => {
  const { info } = await failureOf(
    one((attempt) => {
      if (attempt < 3) throw new RetryLater({ afterMs: 5 });
      return "third";
    }, {}),
  );
  expect(info).toMatchObject({ status: "completed", output: "third" });
});

test("a retry that waits long waits in the schedules of the queue", async () => {
  const flow = one((attempt) => {
    if (attempt === 1) throw new RetryLater({ afterMs: 1_500 });
    return "later";
  }, {});
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  await eventually(async () => {
    expect(await system.backend.queue.queued("one", id)).toEqual([
      expect.objectContaining({ item: 1, scheduled: true }),
    ]);
  });
  expect((await system.orchestrator.listWorkItems(id))[0]).toMatchObject({
    state: "waiting_retry",
    attempt: 2,
  });
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await system.orchestrator.result(id)).toBe("later");
});

test("what does not fit into the checkpoint fails the item, not the worker", async () => {
  const flow = one(() => "x".repeat(50_000), {});
  await using system = new System([flow], { maxValueBytes: 20_000 });
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(info).toMatchObject({
    status: "failed",
    failure: { kind: "payload_too_large", node: "only" },
  });
  const other = chain(2);
  await system.worker([other]);
  const next = await system.orchestrator.startRun(other, 1);
  await system.orchestrator.waitForCompletion(next, { timeoutMs: 5_000 });
});

test("when an item fails the run, its running siblings are aborted and nothing of them counts", async () => {
  const seen = { started: 0, aborted: 0 };
  const bothRun = gate();
  const flow = workflow({
    name: "siblings",
    version: 1,
    nodes: {
      fan: split({
        input: z.number(),
        output: z.number(),
        into: (n) => Array.from({ length: n }, (_, i) => i),
      }),
      part: node({
        input: z.number(),
        output: z.number(),
        run: async (c, n) => {
          seen.started += 1;
          if (seen.started === 2) bothRun.open();
          await bothRun.promise;
          if (n === 0) return abort("first of them fails");
          await new Promise<void>((resolve) =>
            c.signal.addEventListener("abort", () => {
              seen.aborted += 1;
              resolve();
            }),
          );
          return next(n);
        },
      }),
    },
    start: "fan",
    edges: { fan: ["part"], part: [] },
  });
  await using system = new System([flow]);
  await system.worker([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 2);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(info).toMatchObject({ status: "failed", failure: { message: "first of them fails" } });
  await eventually(() => expect(seen.aborted).toBe(1));
  expect(await system.orchestrator.metrics(id)).toMatchObject({ completed: 1, failed: 1 });
});

test("a worker that stops gives running work back at once, and it is not counted as lost", async () => {
  const first = gate();
  let ran = 0;
  const flow = one((_attempt, signal) => {
    ran += 1;
    if (ran > 1) return "elsewhere";
    first.open();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
  }, {});
  await using system = new System([flow], { ackWaitMs: 60_000 });
  const worker = await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  await first.promise;
  await worker.stop({ graceMs: 10 });
  expect(await system.orchestrator.listWorkers()).toEqual([]);
  await system.worker([flow]);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(await system.orchestrator.result(id)).toBe("elsewhere");
  expect(await system.orchestrator.metrics(id)).toMatchObject({ lost: 0, failed: 0 });
});

test("work of another graph under the same name and version is left for a worker that fits", async () => {
  const ran: string[] = [];
  const graph = (last: string) => {
    const step = node({
      input: z.number(),
      output: z.number(),
      run: (c, n) => {
        ran.push(c.node);
        return c.node === "first" && c.wake === null ? hold({ for: "go" }) : next(n + 1);
      },
    });
    return workflow({
      name: "graph",
      version: 1,
      nodes: { first: step, [last]: step },
      start: "first",
      edges: { first: [last], [last]: [] },
    });
  };
  const mine = graph("second");
  const other = graph("third");
  const said: string[] = [];
  const say = (_fields: object, message: string) => void said.push(message);
  await using system = new System([mine]);
  const first = await system.worker([mine]);
  const id = await system.orchestrator.startRun(mine, 0);
  await eventually(async () => {
    expect((await system.orchestrator.listWorkItems(id))[0]?.state).toBe("held");
  });
  await first.stop();
  const backend = system.world.open();
  const misfit = new Worker(
    { backend, workflows: [other], log: { debug: say, info: say, warn: say, error: say } },
    { graceMs: 10 },
  );
  await misfit.start();
  await system.orchestrator.signal(id, "go");
  await eventually(() =>
    expect(said.join()).toMatch(/another graph here .* left for a worker that fits/),
  );
  expect(ran).toEqual(["first"]);
  await misfit.stop();
  await backend.close();
  await system.worker([mine]);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
  expect(ran).toEqual(["first", "first", "second"]);
}, 15_000);

test("liveness tells workers that live from those that died", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  const worker = await system.worker([flow], { workerId: "alive-one" });
  const now = Date.now();
  await system.backend.liveness.put(() => ({
    ...worker.health(),
    workerId: "stale-one",
    nextMs: 5_000,
    at: new Date(now - 20_000).toISOString(),
  }));
  await system.backend.liveness.put(() => ({
    ...worker.health(),
    workerId: "dead-one",
    nextMs: 5_000,
    at: new Date(now - 60_000).toISOString(),
  }));
  expect(await system.orchestrator.checkWorkerLiveness()).toEqual({
    alive: ["alive-one"],
    stale: ["stale-one"],
    dead: ["dead-one"],
  });
  expect(await system.orchestrator.liveness()).toEqual({
    "alive-one": "alive",
    "stale-one": "stale",
    "dead-one": "dead",
  });
});
