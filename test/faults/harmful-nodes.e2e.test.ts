import { expect, test } from "vitest";
import { accountOf } from "../support/account.ts";
import { expectExactly } from "../support/accounting.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultFlows, mixture } from "../support/fault-flows.ts";
import { Fleet } from "../support/fleet.ts";
import { LiveSystem } from "../support/live-system.ts";

const ACK_WAIT_MS = 1_000;

async function startMixture({ orchestrator }: LiveSystem, count: number) {
  const runs = new Map<string, Expected>();
  for (let i = 0; i < count; i++) {
    const expected = mixture(i);
    runs.set(await orchestrator.startRun(expected.workflow, expected.input), expected);
  }
  return runs;
}

test("a node that kills its process fails its run after a few deaths, and its neighbours complete", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: ACK_WAIT_MS });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(2, { servers: server.url, paceMs: 60, concurrency: 8 });
  let ends = false;
  let deaths = 0;
  const replacer = (async () => {
    while (!ends) {
      const alive = fleet.members.length;
      for (let missing = 2 - alive; missing > 0; missing--) {
        deaths += 1;
        await fleet.add();
      }
      await eventually(() => expect(ends || fleet.members.length < 2).toBe(true), {
        withinMs: 60_000,
      });
    }
  })();
  const before = await startMixture(system, 20);
  const killers: string[] = [];
  for (const how of ["exit", "sigkill"] as const) {
    killers.push(await orchestrator.startRun("fault-killer", { how, ms: 0 }));
  }
  const runs = new Map([...before, ...(await startMixture(system, 20))]);
  for (const id of killers) {
    const ended = await orchestrator.waitForCompletion(id, { timeoutMs: 45_000 });
    expect(ended).toMatchObject({ status: "failed", failure: { kind: "lost", node: "harm" } });
  }
  for (const id of runs.keys()) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  ends = true;
  await replacer;
  const executions = await fleet.executions();
  for (const id of killers) {
    const times = executions.filter(({ run }) => run === id).length;
    expect(times).toBeGreaterThan(1);
    expect(times).toBeLessThanOrEqual(4);
    expect(await orchestrator.metrics(id)).toMatchObject({ completed: 0, failed: 1 });
  }
  expect(deaths).toBeLessThanOrEqual(8);
  await expectExactly(orchestrator, runs, executions);
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 90_000);

test("a node that blocks its process for longer than the acknowledgement wait commits once", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: ACK_WAIT_MS });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(2, { servers: server.url, paceMs: 20, concurrency: 8 });
  const before = await startMixture(system, 20);
  const blockers: string[] = [];
  for (let i = 0; i < 2; i++) {
    const input = { how: "block", ms: 2 * ACK_WAIT_MS };
    blockers.push(await orchestrator.startRun("fault-killer", input));
  }
  const runs = new Map([...before, ...(await startMixture(system, 20))]);
  for (const id of [...blockers, ...runs.keys()]) {
    await orchestrator.waitForCompletion(id, { timeoutMs: 40_000 });
  }
  const executions = await fleet.executions();
  for (const id of blockers) {
    expect(await accountOf(orchestrator, id, new Set([`${id}/1`]))).toMatchObject({
      status: "completed",
      completed: 1,
      steps: 1,
      twice: [],
      gaps: [],
      ended: 1,
    });
  }
  // Otherwise nobody took over what the blocked one had in hand, and this has shown nothing.
  const first = new Map<string, string>();
  let taken = 0;
  for (const { run, item, worker } of executions) {
    const key = `${run}/${item}`;
    if ((first.get(key) ?? worker) !== worker) taken += 1;
    first.set(key, worker);
  }
  expect(taken).toBeGreaterThan(0);
  await expectExactly(orchestrator, runs, executions);
  expect(fleet.members).toHaveLength(2);
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
}, 60_000);

test("what a suspended worker has in hand is done by others, and counts once when it wakes up", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: ACK_WAIT_MS });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(2, { servers: server.url, paceMs: 30, concurrency: 8 });
  const all = new Map<string, Expected>();
  for (const member of fleet.members) {
    const runs = await startMixture(system, 40);
    const ids = new Set(runs.keys());
    await eventually(async () => {
      const executions = await fleet.executions();
      const own = executions.filter(
        ({ run, worker }) => worker === member.workerId && ids.has(run),
      );
      expect(own.length).toBeGreaterThan(10);
    });
    member.suspend();
    // All of them, while it stands still.
    for (const id of ids) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
    member.awake();
    for (const [id, expected] of runs) all.set(id, expected);
  }
  const more = await startMixture(system, 40);
  for (const id of more.keys()) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
  expect(fleet.members).toHaveLength(2);
  const executions = await fleet.executions();
  // Both work again.
  const workers = new Set(
    executions.filter(({ run }) => more.has(run)).map(({ worker }) => worker),
  );
  expect(workers.size).toBe(2);
  await expectExactly(orchestrator, new Map([...all, ...more]), executions);
  const items = [...all.values(), ...more.values()].reduce(
    (n, one) => n + one.items + one.retries,
    0,
  );
  expect(executions.length).toBeGreaterThan(items);
}, 60_000);
