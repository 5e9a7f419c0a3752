import { expect, test } from "vitest";
import { z } from "zod";
import type { RunStatus } from "../../src/core/checkpoint/checkpoint.ts";
import type { MetricsStore } from "../../src/core/ports/stores.ts";
import { next, node, split, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain, single } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { outOfReach } from "./altered.ts";
import { System } from "./system.ts";

/** Splits into groups of parts; a group ends when its gate opens. */
function inGroups(sizes: readonly number[]) {
  const gates = sizes.map(() => gate());
  const groups = sizes.flatMap((size, group) => Array.from({ length: size }, () => group));
  let running = 0;
  const flow = workflow({
    name: "groups",
    version: 1,
    nodes: {
      fan: split({ input: z.null(), output: z.number(), into: () => groups }),
      part: node({
        input: z.number(),
        output: z.number(),
        run: async (_c, group) => {
          running += 1;
          await gates[group]?.promise;
          return next(group);
        },
      }),
    },
    start: "fan",
    edges: { fan: ["part"], part: [] },
  });
  return { flow, running: () => running, end: (group: number) => gates[group]?.open() };
}

test("a run that was paused is looked for under any status, also when its history has moved on", async () => {
  const { flow, running, end } = inGroups([40, 5, 5]);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const filed: (readonly [RunStatus, readonly RunStatus[] | null])[] = [];
  await system.worker(
    [flow],
    { concurrency: 60 },
    {
      runs: (own) => ({
        replace: (info, from) => {
          filed.push([info.status, from]);
          return own.replace(info, from);
        },
      }),
    },
  );
  const id = await system.orchestrator.startRun(flow, null);
  await eventually(() => expect(running()).toBe(50));
  await system.orchestrator.pause(id);
  end(0);
  await eventually(async () =>
    expect(await system.backend.history.list("groups", id, 0, 100)).not.toEqual([]),
  );
  end(1);
  await eventually(async () => {
    const view = await system.backend.contexts.get(id);
    const kinds = view?.checkpoint.history.events.map(([, , kind]) => kind);
    expect(kinds).not.toContain("run.paused");
  });
  end(2);
  await eventually(() => expect(filed).toEqual([["completed", null]]));
});

test("a run that was never steered is looked for where it was filed", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  const filed: unknown[] = [];
  await system.worker(
    [flow],
    {},
    { runs: () => ({ replace: async (info, from) => void filed.push([info.status, from]) }) },
  );
  await system.orchestrator.startRun(flow, 1);
  await eventually(() => expect(filed).toEqual([["completed", ["running"]]]));
});

test("a history that could not be written at first has no gap afterwards", async () => {
  const flow = chain(90);
  await using system = new System([flow]);
  let appends = 0;
  await system.worker(
    [flow],
    {},
    {
      history: (own) => ({
        append: (...events) => {
          appends += 1;
          return appends === 1 ? outOfReach() : own.append(...events);
        },
      }),
    },
  );
  const id = await system.orchestrator.startRun(flow, 0);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 3_000 });
  expect(appends).toBeGreaterThan(2);
  const numbers = Array.from({ length: 92 }, (_, i) => i + 1);
  await eventually(async () => {
    const kept = await system.backend.history.list("chain", id, 0, 1_000);
    expect(kept.map(({ number }) => number)).toEqual(numbers);
  });
});

test("late figures of a failure do not replace those of the end that followed", async () => {
  let broken = true;
  const flow = single((n) => {
    if (broken) throw new Error("no");
    return n;
  });
  await using system = new System([flow]);
  const { orchestrator, backend } = system;
  const [trying, late, stored] = [gate(), gate(), gate()];
  const put: MetricsStore["put"] = async (metrics) => {
    if (metrics.status === "failed") {
      trying.open();
      await late.promise;
    }
    await backend.metrics.put(metrics);
    if (metrics.status === "failed") stored.open();
  };
  await system.worker([flow], {}, { metrics: () => ({ put }) });
  const runId = await orchestrator.startRun(flow, 1);
  await trying.promise;
  broken = false;
  await system.worker([flow]);
  await orchestrator.resume(runId);
  await eventually(async () =>
    expect(await backend.metrics.get(runId)).toMatchObject({ status: "completed" }),
  );
  late.open();
  await stored.promise;
  await eventually(async () =>
    expect(await backend.metrics.get(runId)).toMatchObject({ status: "completed", completed: 1 }),
  );
});

test("the history has every event where hundreds of branches end in one instant", async () => {
  const { flow, running, end } = inGroups([700]);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const { orchestrator, backend } = system;
  await system.worker([flow], { concurrency: 800 });
  const runId = await orchestrator.startRun(flow, null);
  await eventually(() => expect(running()).toBe(700));
  end(0);
  await orchestrator.waitForCompletion(runId, { timeoutMs: 4_000 });
  const view = await backend.contexts.get(runId);
  const events = await backend.history.list(flow.name, runId, 0, 2_000);
  expect(events.map(({ number }) => number)).toEqual(
    Array.from({ length: (view?.checkpoint.history.next ?? 0) - 1 }, (_, i) => i + 1),
  );
});

test("events stay in the checkpoint until those before them are stored too", async () => {
  const flow = chain(90);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const { orchestrator } = system;
  const first = gate();
  const oldest: number[] = [];
  let appends = 0;
  await system.worker(
    [flow],
    {},
    {
      history: (own) => ({
        append: async (workflow, runId, events) => {
          appends += 1;
          if (appends === 1) await first.promise;
          await own.append(workflow, runId, events);
        },
      }),
      contexts: (own) => ({
        update: (checkpoint, revision, spare) => {
          // Two chunks have been sent, and the second is stored.
          if (appends >= 2) oldest.push(checkpoint.history.events[0]?.[0] ?? 0);
          if (checkpoint.status === "completed") first.open();
          return own.update(checkpoint, revision, spare);
        },
      }),
    },
  );
  const runId = await orchestrator.startRun(flow, 1);
  await orchestrator.waitForCompletion(runId, { timeoutMs: 4_000 });
  expect(appends).toBeGreaterThan(1);
  expect(new Set(oldest)).toEqual(new Set([1]));
});
