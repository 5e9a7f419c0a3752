import { beforeEach, expect, test } from "vitest";
import { isFloxideError } from "../../src/index.ts";
import { accountOf, exactly } from "../support/account.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultFlows, instrument, mixture } from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";

let executed = new Set<string>();
const isOf = (id: string) => [...executed].some((one) => one.startsWith(`${id}/`));

beforeEach(() => {
  executed = new Set();
  instrument(({ run, item }) => executed.add(`${run}/${item}`), 2);
});

function publish(
  { plain }: LiveSystem,
  id: string,
  { workflow, input }: Expected,
): Promise<unknown> {
  return plain.request(`floxide.start.${workflow}`, JSON.stringify({ runId: id, input }));
}

async function untilTaken(system: LiveSystem): Promise<void> {
  await eventually(async () => expect(await system.queued()).toBe(0));
}

test("requests of runs that are cancelled or paused before a worker takes them begin nothing", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  const runs = new Map<string, Expected>();
  for (let i = 0; i < 30; i++) {
    const expected = mixture(i);
    const id = `run-${i}`;
    runs.set(id, expected);
    // Some by clients of ours, others by somebody without one.
    if (i % 2 === 0) await orchestrator.startRun(expected.workflow, expected.input, { runId: id });
    else await publish(system, id, expected);
  }
  const fates = [...runs.keys()].map((id, i) => [id, (["cancel", "pause"] as const)[(i >> 1) % 2]]);
  for (const [id = "", command] of fates) {
    if (command === "cancel") await orchestrator.cancel(id);
    else await orchestrator.pause(id);
  }
  await system.worker();
  await system.worker();
  await untilTaken(system);
  expect(executed.size).toBe(0);
  for (const [id = "", command] of fates) {
    const expected = runs.get(id) ?? mixture(0);
    expect(await orchestrator.status(id)).toBe(command === "cancel" ? "cancelled" : "paused");
    expect((await orchestrator.run(id)).workflow).toBe(expected.workflow);
    // Once more, when all is settled.
    await publish(system, id, expected);
  }
  await untilTaken(system);
  expect(executed.size).toBe(0);
  for (const [id, expected] of runs) {
    if ((await orchestrator.status(id)) === "cancelled") continue;
    await orchestrator.resume(id);
    await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
  }
  const refused = await orchestrator.resume("run-0").catch((error: unknown) => error);
  expect(isFloxideError(refused, "illegal_state")).toBe(true);
  await untilTaken(system);
  expect(await orchestrator.deadLetters()).toEqual([]);
}, 30_000);

test("requests that come again after the end, a cancel or a pause change nothing", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator, backend } = system;
  await system.worker();
  await system.worker();
  const runs = new Map<string, Expected>();
  for (let i = 0; i < 30; i++) {
    const expected = mixture(i);
    const id = `run-${i}`;
    runs.set(id, expected);
    await orchestrator.startRun(expected.workflow, expected.input, { runId: id });
    await eventually(() => expect(isOf(id)).toBe(true), { everyMs: 1 });
    // What has ended already is left as it is.
    if (i % 3 === 1) await orchestrator.cancel(id).catch(() => {});
    if (i % 3 === 2) await orchestrator.pause(id).catch(() => {});
  }
  await untilTaken(system);
  await eventually(async () => {
    const { items } = await orchestrator.listRuns({ status: "running" });
    expect(items).toEqual([]);
  });
  const then = new Map<string, unknown>();
  for (const id of runs.keys()) then.set(id, await backend.contexts.get(id));
  const before = executed.size;
  for (const [id, expected] of runs) {
    for (let n = 0; n < 3; n++) await publish(system, id, expected);
  }
  await untilTaken(system);
  expect(executed.size).toBe(before);
  for (const [id, one] of then) expect(await backend.contexts.get(id)).toEqual(one);
  const ends = new Set<string>();
  for (const [id, expected] of runs) {
    const status = await orchestrator.status(id);
    ends.add(status);
    if (status === "paused") {
      await orchestrator.resume(id);
      await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
    }
    if (status === "cancelled") continue;
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
  }
  expect([...ends].sort()).toEqual(["cancelled", "completed", "paused"]);
}, 30_000);

test("a request of another run under the id of one that has ended becomes a dead letter", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  await system.worker();
  const expected = mixture(0);
  await publish(system, "same", expected);
  await eventually(async () => expect(await orchestrator.status("same")).toBe("completed"));
  await publish(system, "same", { ...expected, input: 17 });
  await eventually(async () =>
    expect(await orchestrator.deadLetters()).toMatchObject([{ code: "conflict", runId: "same" }]),
  );
  expect(await accountOf(orchestrator, "same", executed)).toEqual(exactly(expected));
}, 15_000);
