import { expect, test } from "vitest";
import { z } from "zod";
import { iso, systemClock } from "../../src/core/clock.ts";
import { inputHashOf } from "../../src/core/records/start-request.ts";
import { next, nextAll, node, workflow } from "../../src/workflows/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { outOfReach } from "./altered.ts";
import { System } from "./system.ts";

const LEAVES = [1, 2, 3, 4];

/** Forks into four; the first execution ever of its start waits for its gate. */
function forking(waits: boolean) {
  const started = gate();
  const go = gate();
  let executions = 0;
  const flow = workflow({
    name: "forking",
    version: 1,
    nodes: {
      fork: node({
        input: z.number(),
        output: z.number(),
        run: async () => {
          executions += 1;
          if (waits && executions === 1) {
            started.open();
            await go.promise;
          }
          return nextAll(LEAVES);
        },
      }),
      leaf: node({ input: z.number(), output: z.number(), run: (_c, n) => next(n) }),
    },
    start: "fork",
    edges: { fork: ["leaf"], leaf: [] },
  });
  return { flow, started: started.promise, go: () => go.open() };
}

const requestOf = (runId: string): string => JSON.stringify({ input: 1, runId });

test("a worker in which a run begins takes the work that it got by beginning elsewhere", async () => {
  const { flow, started, go } = forking(true);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const [slow, quick] = [system.idleWorker([flow]), system.idleWorker([flow])];
  await system.orchestrator.startRun(flow, 1, { runId: "twice" });
  const beginning = slow.runOnce(100);
  await started;
  system.world.publishStart("forking", requestOf("twice"));
  await quick.runOnce(100);
  while (await slow.runOnce(100));
  expect(await system.orchestrator.status("twice")).toBe("completed");
  go();
  await beginning;
  expect((await system.orchestrator.outputs("twice")).toSorted()).toEqual(LEAVES);
});

test("a worker that could not write a beginning takes the work that the run got elsewhere", async () => {
  const { flow } = forking(false);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const cutOff = system.idleWorker([flow], {}, { contexts: () => ({ create: outOfReach }) });
  await system.orchestrator.startRun(flow, 1, { runId: "twice" });
  await cutOff.runOnce(100);
  system.world.publishStart("forking", requestOf("twice"));
  await system.idleWorker([flow]).runOnce(100);
  while (await cutOff.runOnce(100));
  expect(await system.orchestrator.status("twice")).toBe("completed");
  expect((await system.orchestrator.outputs("twice")).toSorted()).toEqual(LEAVES);
});

const echo = workflow({
  name: "echo",
  version: 1,
  nodes: { say: node({ input: z.string(), output: z.string(), run: (_c, text) => next(text) }) },
  start: "say",
  edges: { say: [] },
});

const TOO_LONG = "x".repeat(15_000);

test("a client refuses input that leaves no room in the checkpoint, and stores nothing", async () => {
  await using system = new System([echo], { maxValueBytes: 20_000 });
  await expect(system.orchestrator.startRun(echo, TOO_LONG)).rejects.toMatchObject({
    code: "payload_too_large",
    details: { limit: 15_000 },
  });
  expect((await system.orchestrator.listRuns()).items).toEqual([]);
  expect(await system.backend.queue.startsWaiting(10)).toEqual([]);
});

test("a published request that leaves no room in the checkpoint becomes a dead letter", async () => {
  await using system = new System([echo], { maxValueBytes: 20_000 });
  const worker = system.idleWorker([echo]);
  system.world.publishStart("echo", JSON.stringify({ input: TOO_LONG, runId: "large" }));
  await worker.runOnce(100);
  expect(await system.orchestrator.deadLetters()).toMatchObject([
    { code: "payload_too_large", runId: "large", workflow: "echo" },
  ]);
  expect(await system.backend.queue.startsWaiting(10)).toEqual([]);
  await expect(system.orchestrator.status("large")).rejects.toMatchObject({ code: "not_found" });
});

test("a filed run whose request leaves no room in the checkpoint ends as failed", async () => {
  await using system = new System([echo], { maxValueBytes: 20_000 });
  const request = { workflow: "echo", runId: "large", input: TOO_LONG, context: {}, version: 1 };
  await system.backend.runs.create({
    runId: "large",
    workflow: "echo",
    version: 1,
    createdAt: iso(systemClock.now()),
    inputHash: inputHashOf(request),
    revision: 0,
    status: "running",
  });
  await system.backend.queue.start(request, { infoWritten: true });
  await system.worker([echo]);
  const info = await system.orchestrator.waitForCompletion("large", { timeoutMs: 2_000 });
  expect(info).toMatchObject({ status: "failed", failure: { kind: "payload_too_large" } });
  await eventually(async () =>
    expect(await system.orchestrator.deadLetters()).toMatchObject([
      { code: "payload_too_large", runId: "large" },
    ]),
  );
});

test("a request over which a schema throws becomes a dead letter", async () => {
  const reading = workflow({
    name: "reading",
    version: 1,
    nodes: {
      read: node({
        input: z.any().refine((value: { a: { b: number } }) => value.a.b === 1),
        output: z.any(),
        run: (_c, value) => next(value),
      }),
    },
    start: "read",
    edges: { read: [] },
  });
  await using system = new System([reading]);
  const worker = system.idleWorker([reading]);
  system.world.publishStart("reading", '{"input":{},"runId":"odd"}');
  await worker.runOnce(100);
  expect(await system.orchestrator.deadLetters()).toMatchObject([
    { code: "validation", runId: "odd", reason: expect.stringMatching(/cannot be looked at/) },
  ]);
  expect(await system.backend.queue.startsWaiting(10)).toEqual([]);
});

test("a request nested too deeply to look at becomes a dead letter, and the worker goes on", async () => {
  const flow = chain(1);
  await using system = new System([flow]);
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  system.world.publishStart("chain", `{"input":${deep},"runId":"deep"}`);
  await system.worker([flow]);
  const id = await system.orchestrator.startRun(flow, 1);
  await system.orchestrator.waitForCompletion(id, { timeoutMs: 2_000 });
  await eventually(async () =>
    expect(await system.orchestrator.deadLetters()).toMatchObject([{ code: "validation" }]),
  );
  await eventually(async () => expect(await system.backend.queue.startsWaiting(10)).toEqual([]));
});

test.each(["pause", "signal"] as const)(
  "a request that does not fit ends its run as failed, also where a %s comes in between",
  async (command) => {
    const flow = chain(1);
    const loose = workflow({
      name: "chain",
      version: 1,
      nodes: { any: node({ input: z.any(), output: z.any(), run: (_c, value) => next(value) }) },
      start: "any",
      edges: { any: [] },
    });
    await using system = new System([loose]);
    const { orchestrator } = system;
    let isFirst = true;
    const worker = system.idleWorker(
      [flow],
      {},
      {
        contexts: (own) => ({
          create: async (...written) => {
            if (isFirst) {
              isFirst = false;
              if (command === "pause") await orchestrator.pause("r");
              else await orchestrator.signal("r", "go");
            }
            return own.create(...written);
          },
        }),
      },
    );
    await orchestrator.startRun(loose, "no number", { runId: "r" });
    await worker.runOnce(100);
    expect(await orchestrator.status("r")).toBe(command === "pause" ? "paused" : "running");
    expect(await system.backend.queue.startsWaiting(1)).toHaveLength(1);
    expect(await orchestrator.deadLetters()).toEqual([]);
    await worker.runOnce(3_000);
    expect(await orchestrator.run("r")).toMatchObject({
      status: "failed",
      failure: { kind: "validation" },
    });
    expect(await orchestrator.deadLetters()).toMatchObject([{ code: "validation", runId: "r" }]);
    expect(await system.backend.queue.startsWaiting(1)).toEqual([]);
    const view = await system.backend.contexts.get("r");
    expect(view?.checkpoint.commit).not.toBe("");
  },
);

test("each write of a run that failed before it began has a token of its own", async () => {
  const flow = chain(1);
  const written: string[] = [];
  for (const runId of ["one", "two"]) {
    await using system = new System([flow]);
    const worker = system.idleWorker(
      [flow],
      {},
      {
        contexts: (own) => ({
          create: async (checkpoint, spare) => {
            written.push(checkpoint.commit);
            return own.create(checkpoint, spare);
          },
        }),
      },
    );
    const request = { workflow: "chain", runId, input: "no number", context: {}, version: 1 };
    await system.backend.queue.start(request, { infoWritten: true });
    await worker.runOnce(100);
  }
  expect(new Set(written.filter((commit) => commit !== "")).size).toBe(2);
});
