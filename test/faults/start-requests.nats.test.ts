import { expect, test } from "vitest";
import type { ContextStore } from "../../src/core/ports/stores.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { gatedFlow } from "../support/gated-flow.ts";
import { altered, LiveSystem } from "../support/live-system.ts";

const flow = chain(3);

/** Contexts whose first read is answered late: what was read is old by then. */
function slowFirstRead(
  contexts: ContextStore,
  onRead: () => void,
  go: Promise<void>,
): ContextStore {
  let isFirst = true;
  return {
    get: async (runId, atLeast) => {
      const read = await contexts.get(runId, atLeast);
      if (isFirst) {
        isFirst = false;
        onRead();
        await go;
      }
      return read;
    },
    create: (checkpoint) => contexts.create(checkpoint),
    update: (checkpoint, revision) => contexts.update(checkpoint, revision),
    page: (after, limit) => contexts.page(after, limit),
    getMany: (runIds) => contexts.getMany(runIds),
    newestRevision: (atLeast) => contexts.newestRevision(atLeast),
    remove: (runId) => contexts.remove(runId),
  };
}

test.each([{ commands: ["pause"] }, { commands: ["pause", "resume"] }] as const)(
  "a run that is steered ($commands) while a worker begins it still runs",
  async ({ commands }) => {
    await using system = await LiveSystem.start([flow]);
    const { orchestrator } = system;
    const read = gate();
    const go = gate();
    await system.worker({}, (backend) =>
      altered(backend, { contexts: slowFirstRead(backend.contexts, read.open, go.promise) }),
    );
    const id = await orchestrator.startRun(flow, 0);
    await read.promise;
    for (const command of commands) await orchestrator[command](id);
    go.open();
    if (commands.length === 1) {
      await eventually(async () => expect(await system.queued()).toBe(0));
      expect(await orchestrator.metrics(id)).toMatchObject({ completed: 0 });
      await orchestrator.resume(id);
    }
    await orchestrator.waitForCompletion(id, { timeoutMs: 6_000 });
    expect(await orchestrator.result(id)).toBe(3);
    expect(await orchestrator.metrics(id)).toMatchObject({ items: 3, completed: 3, lost: 0 });
  },
  15_000,
);

test("of two different requests with one run id that come at once one runs, the other is a dead letter", async () => {
  await using system = await LiveSystem.start([flow]);
  const { orchestrator, plain } = system;
  await system.backend.queue.prepare("chain");
  for (const input of [10, 20]) {
    plain.publish("floxide.start.chain", JSON.stringify({ runId: "same", input }));
  }
  await plain.flush();
  await system.worker();
  await eventually(async () => expect(await system.queued()).toBe(0));
  expect(await orchestrator.run("same")).toMatchObject({ status: "completed", output: 13 });
  expect(await orchestrator.deadLetters()).toMatchObject([{ code: "conflict", runId: "same" }]);
}, 15_000);

test("of two different requests with one run id that two workers begin at once one is a dead letter", async () => {
  const { flow: gated, seen, go } = gatedFlow("gated");
  await using system = await LiveSystem.start([gated]);
  const { orchestrator, plain } = system;
  await system.worker({ concurrency: 1 });
  await system.worker({ concurrency: 1 });
  for (const input of [10, 20]) {
    plain.publish("floxide.start.gated", JSON.stringify({ runId: "same", input }));
  }
  await eventually(() => expect(seen.running).toBe(2));
  go.open();
  await eventually(async () => expect(await system.queued()).toBe(0));
  expect(await orchestrator.metrics("same")).toMatchObject({ items: 1, completed: 1 });
  expect(await orchestrator.deadLetters()).toMatchObject([{ code: "conflict", runId: "same" }]);
}, 15_000);

test("a run is started whose id the stream remembers of a request that became a dead letter", async () => {
  await using system = await LiveSystem.start([flow]);
  const { orchestrator, backend } = system;
  await system.worker();
  const request = { workflow: "chain", runId: "r", input: "one", context: {}, version: 1 };
  await backend.queue.start(request, { infoWritten: false });
  await eventually(async () => {
    expect(await orchestrator.deadLetters()).toMatchObject([{ code: "validation", runId: "r" }]);
    expect(await system.queued()).toBe(0);
  });
  expect(await orchestrator.startRun(flow, 0, { runId: "r" })).toBe("r");
  await orchestrator.waitForCompletion("r", { timeoutMs: 6_000 });
  expect(await orchestrator.result("r")).toBe(3);
  // The stream still knows the first request's id: a repeated call is the same run all the same.
  await orchestrator.startRun(flow, 0, { runId: "r" });
  expect(await orchestrator.metrics("r")).toMatchObject({ items: 3, completed: 3 });
}, 15_000);
