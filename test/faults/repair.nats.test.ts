import { beforeEach, expect, test } from "vitest";
import type { WorkQueue } from "../../src/core/ports/work-queue.ts";
import { DistributedOrchestrator } from "../../src/index.ts";
import { accountOf, exactly } from "../support/account.ts";
import { pausedOnTheirWay, untilWaiting } from "../support/bring-to.ts";
import { eventually } from "../support/eventually.ts";
import { faultFlows, faultHold, instrument } from "../support/fault-flows.ts";
import { gatedFlow } from "../support/gated-flow.ts";
import { altered, LiveSystem } from "../support/live-system.ts";

let executed = new Set<string>();

beforeEach(() => {
  executed = new Set();
  instrument(({ run, item }) => executed.add(`${run}/${item}`), 2);
});

async function deleteMessages({ backend, plain, orchestrator }: LiveSystem, id: string) {
  const { workflow: name } = await orchestrator.run(id);
  const queued = await backend.queue.queued(name, id);
  for (const { seq } of queued) {
    const api = `$JS.API.STREAM.MSG.DELETE.${backend.names.workStream}`;
    const answer = await plain.request(api, JSON.stringify({ seq }));
    expect(answer.json()).toMatchObject({ success: true });
  }
  return queued.length;
}

test("an item whose message was deleted is queued again, one that runs for long is left alone", async () => {
  const { flow: long, seen, go } = gatedFlow("long");
  await using system = await LiveSystem.start([...faultFlows, long]);
  const { orchestrator } = system;
  const worker = await system.worker();
  const lost = await Promise.all([1, 2, 3].map(() => orchestrator.startRun(faultHold, 10)));
  const sleeping = await orchestrator.startRun(faultHold, 3_000);
  for (const id of lost) await untilWaiting(system, id);
  await eventually(() => expect(executed.has(`${sleeping}/1`)).toBe(true));
  await worker.stop();
  for (const id of lost) {
    await orchestrator.signal(id, "go", 5);
    expect(await deleteMessages(system, id)).toBe(1);
  }
  // A wait is a message too.
  expect(await deleteMessages(system, sleeping)).toBe(1);
  await system.worker({ concurrency: 2 });
  const healthy = [await orchestrator.startRun(long, 1), await orchestrator.startRun(long, 2)];
  await eventually(() => expect(seen.running).toBe(2));
  const started = performance.now();
  // Young runs are left alone.
  expect(await orchestrator.repair({ quietMs: 600_000 })).toMatchObject({ items: 0 });
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: 4, items: 4, starts: 0 });
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: 0, items: 0 });
  // As long as twice the acknowledgement wait, and looked at all the time.
  await eventually(async () => {
    expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ items: 0, starts: 0 });
    expect(performance.now() - started).toBeGreaterThan(2_000);
  });
  expect(seen.running).toBe(2);
  go.open();
  for (const id of healthy) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
    expect(await orchestrator.metrics(id)).toMatchObject({ completed: 1, lost: 0 });
  }
  await orchestrator.signal(sleeping, "go", 5);
  for (const id of [...lost, sleeping]) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    const input = id === sleeping ? 3_000 : 10;
    const expected = { workflow: faultHold.name, input, output: 5, items: 2, retries: 0 };
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
  }
  expect(seen.running).toBe(2);
}, 30_000);

/** A queue that nothing can be put into. */
const blocked = (queue: WorkQueue): WorkQueue =>
  new Proxy(queue, {
    get: (target, name) => {
      if (name === "enqueue" || name === "schedule") {
        return () => Promise.reject(new Error("the orchestrator dies here"));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

test("a resume that is cut short is finished by a repair, or by another resume", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  const backend = await system.open();
  const dying = new DistributedOrchestrator({
    backend: altered(backend, { queue: blocked(backend.queue) }),
    workflows: faultFlows,
  });
  const runs = await pausedOnTheirWay(system, () => executed);
  const cut: string[] = [];
  for (const id of runs.keys()) {
    if ((await orchestrator.status(id)) !== "paused") continue;
    // Of what was queued before, nothing is to help.
    await deleteMessages(system, id);
    await expect(dying.resume(id)).rejects.toThrow("dies here");
    expect(await orchestrator.status(id)).toBe("running");
    cut.push(id);
  }
  expect(cut.length).toBeGreaterThan(8);
  for (const id of cut) expect((await orchestrator.pendingWork(id)).queued).toBe(0);
  for (const id of cut.slice(0, 4)) await orchestrator.resume(id);
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ runs: cut.length - 4 });
  await system.worker();
  for (const [id, expected] of runs) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
  }
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 30_000);
