import { expect, test } from "vitest";
import { z } from "zod";
import type { ContextStore } from "../../src/core/ports/stores.ts";
import { abort, hold, next, node, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { chain } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { altered, LiveSystem } from "../support/live-system.ts";

const flow = chain(3);

/** Contexts whose first read is answered late: what was read is old by then. */
function slowFirstRead(contexts: ContextStore, arrived: () => void, go: Promise<void>) {
  let first = true;
  return {
    get: async (runId: string, atLeast?: number) => {
      const read = await contexts.get(runId, atLeast);
      if (first) {
        first = false;
        arrived();
        await go;
      }
      return read;
    },
    create: (c) => contexts.create(c),
    update: (c, r) => contexts.update(c, r),
    remove: (r) => contexts.remove(r),
  } satisfies ContextStore;
}

for (const commands of [["pause"], ["pause", "resume"]] as const) {
  test(`a run ends that was steered (${commands.join(", ")}) while a worker was beginning it`, async () => {
    await using system = await LiveSystem.start([flow]);
    const arrived = gate();
    const go = gate();
    await system.worker({}, (backend) =>
      altered(backend, { contexts: slowFirstRead(backend.contexts, arrived.open, go.promise) }),
    );
    const { orchestrator } = system;
    const id = await orchestrator.startRun(flow, 0);
    await arrived.promise;
    for (const command of commands) await orchestrator[command](id);
    go.open();
    if (!commands.includes("resume" as never)) {
      await eventually(async () => expect(await system.queued()).toBe(0));
      await orchestrator.resume(id);
    }
    await orchestrator.waitForCompletion(id, { timeoutMs: 6_000 });
    expect(await orchestrator.result(id)).toBe(3);
  }, 15_000);
}

test("two different requests with one run id at once: one runs, the other is a dead letter", async () => {
  await using system = await LiveSystem.start([flow]);
  const { orchestrator, plain } = system;
  await orchestrator.startRun(flow, 0);
  for (const input of [10, 20]) {
    plain.publish("floxide.start.chain", JSON.stringify({ runId: "same", input }));
  }
  await plain.flush();
  await system.worker();
  await eventually(async () => expect(await system.queued()).toBe(0));
  const { output } = (await orchestrator.run("same")) as { output: number };
  const letters = await orchestrator.deadLetters();
  expect({ output, letters }).toMatchObject({ output: 13, letters: [{ code: "conflict" }] });
}, 15_000);

const big = workflow({
  name: "big",
  version: 1,
  nodes: {
    only: node({
      input: z.string(),
      output: z.string(),
      run: (c, value) => {
        executed += 1;
        if (value.startsWith("h") && c.wake === null) return hold({ for: "go" });
        return value.startsWith("a") ? abort("no") : next("ok");
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});
let executed = 0;

test("a start request that is just small enough, whose node fails, ends", async () => {
  await using system = await LiveSystem.start([big], {
    server: { settings: { max_payload: 65_536 } },
  });
  const { orchestrator } = system;
  await system.worker();
  const limit = system.backend.maxValueBytes;
  for (const first of ["a", "h"]) {
    const id = await orchestrator.startRun(big, first.repeat(limit - 100));
    await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 }).catch(() => {});
    console.log(first, executed, await orchestrator.status(id).catch(String));
  }
}, 15_000);

test("repair heals a run beside one whose checkpoint cannot be read", async () => {
  await using system = await LiveSystem.start([big]);
  const { orchestrator, plain } = system;
  const worker = await system.worker();
  const id = await orchestrator.startRun(big, "hold");
  const other = await orchestrator.startRun(big, "hold");
  await eventually(async () => {
    for (const run of [id, other])
      expect(await orchestrator.listWorkItems(run)).toMatchObject([{ state: "held" }]);
  });
  await worker.stop();
  for (const run of [id, other]) {
    await orchestrator.signal(run, "go");
    await system.backend.queue.dropRun("big", run);
  }
  await plain.request(`$KV.floxide-context.${other}`, "{not json");
  await system.worker();
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: 1, items: 1 });
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
}, 15_000);
