import { expect, test } from "vitest";
import { z } from "zod";
import { abort, hold, isFloxideError, next, node, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

/** Does what the first letter of its input says: `a`borts, `h`olds for the signal `go`, else goes on. */
const picky = workflow({
  name: "picky",
  version: 1,
  nodes: {
    only: node({
      input: z.string(),
      output: z.string(),
      run: (c, value) => {
        if (value.startsWith("h") && c.wake === null) return hold({ for: "go" });
        return value.startsWith("a") ? abort("no") : next("ok");
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

async function untilHeld(system: LiveSystem, id: string): Promise<void> {
  await eventually(async () =>
    expect(await system.orchestrator.listWorkItems(id)).toMatchObject([{ state: "held" }]),
  );
}

test("repair heals a run beside one whose checkpoint cannot be read", async () => {
  await using system = await LiveSystem.start([picky]);
  const { orchestrator, plain } = system;
  const worker = await system.worker();
  const id = await orchestrator.startRun(picky, "hold");
  const other = await orchestrator.startRun(picky, "hold");
  for (const run of [id, other]) await untilHeld(system, run);
  await worker.stop();
  for (const run of [id, other]) {
    await orchestrator.signal(run, "go");
    await system.backend.queue.dropRun("picky", run);
  }
  await plain.request(`$KV.floxide-context.${other}`, "{not json");
  await system.worker();
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: 1, items: 1 });
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
}, 15_000);

for (const does of ["abort", "hold"]) {
  test.fails(`an input that just fits is refused or its run goes on, where the node answers ${does}`, async () => {
    const server = { settings: { max_payload: 65_536 } };
    await using system = await LiveSystem.start([picky], { server });
    const { orchestrator } = system;
    await system.worker();
    const input = does.padEnd(system.backend.maxValueBytes - 100, ".");
    const id = await orchestrator.startRun(picky, input).catch((error: unknown) => {
      if (isFloxideError(error, "payload_too_large")) return null;
      throw error;
    });
    if (id !== null) await orchestrator.waitForCompletion(id, { timeoutMs: 3_000 });
  }, 15_000);
}

test.fails("a work item that names a revision that never was does not come again and again", async () => {
  await using system = await LiveSystem.start([picky]);
  const { orchestrator, plain } = system;
  await system.worker();
  const id = await orchestrator.startRun(picky, "hold");
  await untilHeld(system, id);
  const fingerprint = picky.fingerprint;
  const item = { v: 1, runId: id, item: 1, revision: 1_000_000, version: 1, fingerprint };
  await plain.request(`floxide.work.picky.${id}.1`, JSON.stringify(item));
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 4_000 });
}, 15_000);
