import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { System } from "./system.ts";

test("a published start request is a run, named by its body, its message id or its place", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  system.world.publishStart("chain", '{"input":1,"runId":"by-body"}', "other");
  system.world.publishStart("chain", '{"input":1}', "by-message-id");
  system.world.publishStart("chain", '{"input":1}');
  await system.worker([flow]);
  await eventually(async () => {
    const { items } = await system.orchestrator.listRuns({ status: "completed" });
    expect(items).toHaveLength(3);
    expect(items.map(({ runId }) => runId)).toContain("by-body");
    expect(items.map(({ runId }) => runId)).toContain("by-message-id");
  });
});

test("a published run is known, and can be steered, before any worker has taken it", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  system.world.publishStart("chain", '{"input":1,"runId":"early"}');
  system.world.publishStart("chain", '{"input":1,"runId":"late"}');
  system.world.publishStart("chain", "not JSON");
  expect(await system.orchestrator.status("early")).toBe("running");
  expect(await system.orchestrator.pendingWork("early")).toMatchObject({ accepted: true });
  await system.orchestrator.cancel("early");
  await system.orchestrator.pause("late");
  await system.worker([flow]);
  await eventually(async () => {
    expect(await system.orchestrator.listWorkItems("late")).toHaveLength(1);
  });
  await system.orchestrator.resume("late");
  await system.orchestrator.waitForCompletion("late", { timeoutMs: 2_000 });
  expect(await system.orchestrator.result("late")).toBe(3);
  expect(await system.orchestrator.status("early")).toBe("cancelled");
  expect(await system.orchestrator.metrics("early")).toMatchObject({ items: 0 });
  await expect(system.orchestrator.status("nobody")).rejects.toMatchObject({ code: "not_found" });
});

test.each([
  ["not JSON", "{input:1}", /is not JSON/],
  ["no input", "{}", /input: is missing/],
  ["an unknown field", '{"input":1,"inptu":2}', /[Uu]nrecognized key/],
  ["an input that does not fit", '{"input":"one"}', /input of workflow "chain" does not fit/],
  ["an unknown context field", '{"input":1,"context":{"x":1}}', /no context field "x"/],
  ["an empty run id", '{"input":1,"runId":""}', /run id must be 1 to 128 bytes/],
])("a published request with %s is a dead letter with the reason", async (_what, body, reason) => {
  const flow = chain(1);
  await using system = new System([flow]);
  system.world.publishStart("chain", body);
  await system.worker([flow]);
  await eventually(async () => {
    const [letter] = await system.orchestrator.deadLetters();
    expect(letter).toMatchObject({ code: "validation", workflow: "chain", body });
    expect(letter?.reason).toMatch(reason);
  });
  expect(await system.orchestrator.backlog()).toMatchObject([{ starts: 0, inFlight: 0 }]);
  expect((await system.orchestrator.listRuns()).items).toEqual([]);
});

test("a repeated request is the same run; one with another input is a dead letter", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  system.world.publishStart("chain", '{"input":1,"runId":"r"}', "first");
  system.world.publishStart("chain", '{"runId":"r","input":1}', "second");
  system.world.publishStart("chain", '{"input":2,"runId":"r"}', "third");
  await system.worker([flow]);
  await eventually(async () => {
    expect(await system.orchestrator.deadLetters()).toMatchObject([
      { code: "conflict", runId: "r" },
    ]);
  });
  await system.orchestrator.waitForCompletion("r", { timeoutMs: 2_000 });
  expect(await system.orchestrator.result("r")).toBe(3);
  expect(await system.orchestrator.metrics("r")).toMatchObject({ items: 2, completed: 2 });
});

test("a client starts a run whose id the queue remembers of a request that became a dead letter", async () => {
  const flow = chain(2);
  await using system = new System([flow]);
  await system.worker([flow]);
  system.world.publishStart("chain", '{"input":"one","runId":"r"}', "r");
  await eventually(async () => {
    expect(await system.orchestrator.deadLetters()).toMatchObject([{ runId: "r" }]);
    expect(await system.backend.queue.startsWaiting(1)).toEqual([]);
  });
  await system.orchestrator.startRun(flow, 1, { runId: "r" });
  await system.orchestrator.waitForCompletion("r", { timeoutMs: 2_000 });
  expect(await system.orchestrator.result("r")).toBe(3);
});

test("a client starts a run whose request was lost, and leaves what has its place now", async () => {
  const flow = chain(2);
  await using system = new System([flow], { ackWaitMs: 30_000 });
  const other = await system.orchestrator.startRun(flow, 1);
  await system.idleWorker([flow], { stepsInPlace: 1 }).runOnce(100);
  const [item] = await system.backend.queue.queued("chain", other);
  const orchestrator = system.orchestratorOn([flow], {
    queue: (own) => ({
      // The queue remembers the id, and what it remembers of the place is another run's item by now.
      start: async (request, options) =>
        options.anew === true
          ? own.start(request, options)
          : { seq: item?.seq ?? 0, duplicate: true },
    }),
  });
  const id = await orchestrator.startRun(flow, 5, { runId: "lost" });
  expect(await system.backend.queue.queued("chain", other)).toEqual([item]);
  await system.worker([flow]);
  for (const runId of [id, other]) {
    await system.orchestrator.waitForCompletion(runId, { timeoutMs: 2_000 });
  }
  expect(await system.orchestrator.result(id)).toBe(7);
});
