import { expect, test } from "vitest";
import { z } from "zod";
import { next, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain, fanOut } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { System } from "./system.ts";

/** Two nodes; the first waits for its gate, or for its signal. */
function gated() {
  const started = gate();
  const go = gate();
  const ran: string[] = [];
  const flow = workflow({
    name: "gated",
    version: 1,
    nodes: {
      first: node({
        input: z.string(),
        output: z.string(),
        run: async (c, value) => {
          ran.push("first");
          started.open();
          await Promise.race([
            go.promise,
            new Promise((_, reject) =>
              c.signal.addEventListener("abort", () => reject(c.signal.reason)),
            ),
          ]);
          return next(value);
        },
      }),
      second: node({
        input: z.string(),
        output: z.string(),
        run: (_c, value) => {
          ran.push("second");
          return next(`${value}!`);
        },
      }),
    },
    start: "first",
    edges: { first: ["second"], second: [] },
  });
  return { flow, started: started.promise, go: () => go.open(), ran };
}

test("cancel aborts the running node, and nothing commits after it", async () => {
  const { flow, started, ran } = gated();
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, "x");
  await started;
  await system.orchestrator.cancel(id);
  expect(await system.orchestrator.status(id)).toBe("cancelled");
  await eventually(async () => expect((await system.orchestrator.backlog())[0]?.inFlight).toBe(0));
  expect(ran).toEqual(["first"]);
  expect(await system.orchestrator.metrics(id)).toMatchObject({ completed: 0 });
  await expect(system.orchestrator.result(id)).rejects.toMatchObject({ code: "cancelled" });
  await expect(system.orchestrator.resume(id)).rejects.toMatchObject({ code: "illegal_state" });
  await system.orchestrator.cancel(id);
});

test("cancel of a run that no worker has taken keeps its first node from starting", async () => {
  const { flow, ran } = gated();
  await using system = new System([flow]);
  const id = await system.orchestrator.startRun(flow, "x");
  await system.orchestrator.cancel(id);
  await system.worker([flow]);
  await eventually(async () => {
    const [backlog] = await system.orchestrator.backlog();
    expect(backlog).toMatchObject({ starts: 0, inFlight: 0 });
  });
  expect(ran).toEqual([]);
  expect(await system.orchestrator.status(id)).toBe("cancelled");
});

test("pause lets the running node commit and starts no other; resume goes on after it", async () => {
  const { flow, started, go, ran } = gated();
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, "x");
  await started;
  // The run has no entry before its first commit: the pause writes one, and the worker finds it there.
  await system.orchestrator.pause(id);
  go();
  await eventually(async () => {
    expect((await system.orchestrator.listWorkItems(id))[0]).toMatchObject({
      node: "second",
      state: "pending",
    });
  });
  expect(await system.orchestrator.status(id)).toBe("paused");
  expect(ran).toEqual(["first"]);
  await system.orchestrator.resume(id);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(await system.orchestrator.result(id)).toBe("x!");
  expect(ran).toEqual(["first", "second"]);
});

test("pause of a run that no worker has taken holds it until resume", async () => {
  const flow = chain(3);
  await using system = new System([flow]);
  const id = await system.orchestrator.startRun(flow, 0);
  await system.orchestrator.pause(id);
  await system.worker([flow]);
  await eventually(async () => {
    expect(await system.orchestrator.listWorkItems(id)).toHaveLength(1);
  });
  expect(await system.orchestrator.status(id)).toBe("paused");
  expect(await system.orchestrator.metrics(id)).toMatchObject({ completed: 0 });
  await system.orchestrator.resume(id);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(await system.orchestrator.result(id)).toBe(3);
});

test("a run that was resumed before a worker took it runs once", async () => {
  const flow = chain(3);
  await using system = new System([flow]);
  const id = await system.orchestrator.startRun(flow, 0);
  await system.orchestrator.pause(id);
  await system.orchestrator.resume(id);
  await system.worker([flow]);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ items: 3, completed: 3 });
});

test("pausing and resuming a wide fork again and again loses and doubles nothing", async () => {
  await using system = new System([fanOut]);
  await system.worker([fanOut], { concurrency: 4 });
  await system.worker([fanOut], { concurrency: 4 });
  const id = await system.orchestrator.startRun(fanOut, 300);
  for (let i = 0; i < 15; i++) {
    try {
      await system.orchestrator.pause(id);
      await system.orchestrator.resume(id);
    } catch (error) {
      expect(error).toMatchObject({ code: "illegal_state" });
      break;
    }
  }
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
  expect(await system.orchestrator.result(id)).toEqual({ sum: 300 * 299, inOrder: true });
  expect(await system.orchestrator.context(id)).toEqual({ seen: 300 });
  expect(await system.orchestrator.metrics(id)).toMatchObject({ items: 302, completed: 302 });
});

test("cancelling many runs leaves the others alone", async () => {
  await using system = new System([fanOut]);
  await system.worker([fanOut]);
  await system.worker([fanOut]);
  const ids = await Promise.all(
    Array.from({ length: 60 }, () => system.orchestrator.startRun(fanOut, 20)),
  );
  const cancelled = ids.filter((_, i) => i % 2 === 0);
  const kept = ids.filter((_, i) => i % 2 === 1);
  await Promise.all(
    cancelled.map((id) =>
      system.orchestrator
        .cancel(id)
        .catch((error: unknown) => expect(error).toMatchObject({ code: "illegal_state" })),
    ),
  );
  for (const id of kept) {
    await system.orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    expect(await system.orchestrator.result(id)).toMatchObject({ sum: 20 * 19 });
  }
});

test("commands to unknown runs say so, and to ended ones why not", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  await system.worker([flow]);
  const { orchestrator } = system;
  for (const command of [
    "cancel",
    "pause",
    "resume",
    "status",
    "context",
    "metrics",
    "result",
  ] as const) {
    await expect(orchestrator[command]("nobody")).rejects.toMatchObject({ code: "not_found" });
  }
  await expect(orchestrator.signal("nobody", "x")).rejects.toMatchObject({ code: "not_found" });
  const id = await orchestrator.startRun(flow, 1);
  await orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  for (const command of ["cancel", "pause", "resume"] as const) {
    await expect(orchestrator[command](id)).rejects.toThrow(/it is completed/);
  }
  await expect(orchestrator.signal(id, "x")).rejects.toMatchObject({ code: "illegal_state" });
});

test("waiting gives up at its time, or when it is told to", async () => {
  const { flow, started } = gated();
  await using system = new System([flow]);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, "x");
  await started;
  await expect(system.orchestrator.waitForCompletion(id, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "timeout",
  });
  const abort = new AbortController();
  const waiting = system.orchestrator.waitForCompletion(id, { signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  await expect(system.orchestrator.result(id)).rejects.toMatchObject({ code: "illegal_state" });
});

test("the same run id twice is the same run, and another input under it is a conflict", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  const { orchestrator } = system;
  const runId = "order: 17/ä.*>";
  expect(await orchestrator.startRun(flow, 1, { runId })).toBe(runId);
  expect(await orchestrator.startRun(flow, 1, { runId })).toBe(runId);
  await expect(orchestrator.startRun(flow, 2, { runId })).rejects.toMatchObject({
    code: "conflict",
  });
  await system.worker([flow]);
  await orchestrator.waitForCompletion(runId, { timeoutMs: 2_000 });
  expect(await orchestrator.startRun(flow, 1, { runId })).toBe(runId);
  await expect(orchestrator.startRun(flow, 2, { runId })).rejects.toMatchObject({
    code: "conflict",
  });
  expect(await orchestrator.result(runId)).toBe(3);
  expect((await orchestrator.listRuns()).items).toHaveLength(1);
});

test("input that does not fit is refused before anything is stored", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  await expect(system.orchestrator.startRun("chain", "two")).rejects.toMatchObject({
    code: "validation",
  });
  await expect(
    system.orchestrator.startRun("chain", 1, { context: { nope: 1 } }),
  ).rejects.toMatchObject({
    code: "validation",
  });
  await expect(system.orchestrator.startRun("nope", 1)).rejects.toMatchObject({
    code: "not_found",
  });
  await expect(system.orchestrator.startRun("chain", 1, { runId: "" })).rejects.toMatchObject({
    code: "validation",
  });
  expect((await system.orchestrator.listRuns()).items).toEqual([]);
});
