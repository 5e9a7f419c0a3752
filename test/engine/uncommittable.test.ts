import { expect, test } from "vitest";
import { z } from "zod";
import {
  eventLog,
  field,
  hold,
  next,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { gate } from "../support/gate.ts";
import { System } from "./system.ts";

const maxValueBytes = 20_000;

test("a run that grows beyond the largest checkpoint fails, and says of what", async () => {
  const context = { notes: eventLog<string>() };
  const flow = workflow({
    name: "growing",
    version: 1,
    context,
    nodes: {
      grow: node({
        context,
        input: z.number(),
        output: variants({ again: z.number(), done: z.number() }),
        run: (c, n) => {
          c.notes.append("x".repeat(200));
          return next(n < 0 ? variant("done", n) : variant("again", n + 1));
        },
      }),
    },
    start: "grow",
    edges: { grow: { on: { again: ["grow"], done: [] } } },
  });
  await using system = new System([flow], { maxValueBytes });
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 1);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 3_000 });
  expect(info).toMatchObject({
    status: "failed",
    failure: { kind: "payload_too_large", node: "grow" },
  });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ failed: 1, retries: 0, lost: 0 });
});

test("what branches give may be nested as deep as anything: the list of their join is a level deeper", async () => {
  const levels = 500;
  const flow = workflow({
    name: "deep",
    version: 1,
    nodes: {
      fan: split({ input: z.null(), output: z.number(), into: () => [1, 2] }),
      work: node({
        input: z.number(),
        output: z.any(),
        run: () => next(JSON.parse("[".repeat(levels) + "]".repeat(levels))),
      }),
      count: node({
        input: z.array(z.any()),
        output: z.number(),
        run: (_, all) => next(all.length),
      }),
    },
    start: "fan",
    edges: { fan: ["work"], work: { join: "count" }, count: [] },
  });
  await using system = new System([flow], { maxValueBytes });
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 3_000 });
  expect(info).toMatchObject({ status: "completed", output: 2 });
});

test("a failed attempt that leaves no room for another one fails the run, in few words", async () => {
  const flow = workflow({
    name: "wordy",
    version: 1,
    nodes: {
      work: node({
        input: z.string(),
        output: z.string(),
        retry: { maxAttempts: 3, initialMs: 1, backoff: "constant", jitter: 0 },
        run: () => {
          throw new Error("wordy ".repeat(500));
        },
      }),
    },
    start: "work",
    edges: { work: [] },
  });
  await using system = new System([flow], { maxValueBytes });
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, "x".repeat(13_500));
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(info).toMatchObject({
    status: "failed",
    // Of what the node said, not of the room that was missing to try it again.
    failure: { kind: "error", message: expect.stringMatching(/^wordy/), node: "work", attempt: 1 },
  });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ failed: 1, retries: 0 });
});

test("a run that has no room for another signal is still paused, resumed and cancelled", async () => {
  const flow = workflow({
    name: "held",
    version: 1,
    nodes: { wait: node({ input: z.null(), output: z.null(), run: () => hold({ for: "go" }) }) },
    start: "wait",
    edges: { wait: [] },
  });
  await using system = new System([flow], { maxValueBytes });
  const { orchestrator } = system;
  const id = await orchestrator.startRun(flow, null);
  await system.idleWorker([flow]).runOnce(100);
  for (const bytes of [1_000, 100, 1]) {
    const filling = async () => {
      for (;;) await orchestrator.signal(id, "fill", "x".repeat(bytes));
    };
    await expect(filling()).rejects.toMatchObject({ code: "payload_too_large" });
  }
  for (const _time of [1, 2, 3]) {
    await orchestrator.pause(id);
    await orchestrator.resume(id);
  }
  await orchestrator.cancel(id);
  expect(await orchestrator.status(id)).toBe("cancelled");
});

/** A field whose merges fail where the sum would be more than one. */
const context = {
  sum: field<number>({
    empty: 0,
    merge: (left, right) => {
      if (left + right > 1) throw new Error("more than one");
      return left + right;
    },
  }),
};

/** Four items that end at the same moment; the first attempts of two of them add one each. */
function adding(maxAttempts: number) {
  const all = gate();
  const ran: number[] = [];
  const flow = workflow({
    name: "adding",
    version: 1,
    context,
    nodes: {
      fan: split({ input: z.null(), output: z.number(), into: () => [1, 2, 3, 4] }),
      add: node({
        context,
        input: z.number(),
        output: z.number(),
        retry: { maxAttempts, initialMs: 1, backoff: "constant", jitter: 0 },
        run: async (c, n) => {
          ran.push(n);
          if (ran.length === 4) all.open();
          await all.promise;
          if (n <= 2 && c.attempt === 1) c.sum.merge(1);
          return next(n);
        },
      }),
    },
    start: "fan",
    edges: { fan: ["add"], add: [] },
  });
  return { flow, ran };
}

test("a merge that throws at the commit is a failed attempt", async () => {
  const { flow, ran } = adding(1);
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(info).toMatchObject({
    status: "failed",
    failure: { kind: "error", message: "more than one", node: "add", attempt: 1 },
  });
  expect(ran).toEqual([1, 2, 3, 4]);
  await eventually(async () => expect(await system.orchestrator.errors(id)).toHaveLength(1));
});

test("a merge that throws takes no answer with it that is committed beside it", async () => {
  const { flow, ran } = adding(2);
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, null);
  const info = await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(info).toMatchObject({ status: "completed" });
  expect(ran).toEqual([1, 2, 3, 4, 2]);
  expect(await system.orchestrator.context(id)).toEqual({ sum: 1 });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ completed: 5, retries: 1 });
});
