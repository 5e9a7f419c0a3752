import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { expectExactly } from "../support/accounting.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultFlows, mixture } from "../support/fault-flows.ts";
import { Fleet } from "../support/fleet.ts";
import { LiveSystem } from "../support/live-system.ts";

const KILLS = 25;
const IN_FLIGHT = 120;

test("every transition of every run counts once while workers are killed at random instants", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: 1_000 });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(3, { servers: server.url, paceMs: 15 });
  const runs = new Map<string, Expected>();
  const waits: Promise<unknown>[] = [];
  const open = new Set<string>();
  let killing = true;

  const killer = (async () => {
    const replaced: Promise<unknown>[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(500 + 300 * Math.random());
      await fleet.any().kill();
      replaced.push(fleet.add());
    }
    await Promise.all(replaced);
    killing = false;
  })();
  for (let i = 0; killing || i < 300; i++) {
    await eventually(() => expect(open.size).toBeLessThan(IN_FLIGHT), { withinMs: 30_000 });
    const expected = mixture(i);
    const id = await orchestrator.startRun(expected.workflow, expected.input);
    runs.set(id, expected);
    open.add(id);
    const wait = orchestrator.waitForCompletion(id, { timeoutMs: 40_000 });
    waits.push(wait.finally(() => open.delete(id)).catch((error: unknown) => error));
  }
  await killer;
  await Promise.all(waits);
  const executions = await fleet.executions();
  await expectExactly(orchestrator, runs, executions);
  const items = [...runs.values()].reduce((sum, one) => sum + one.items + one.retries, 0);
  expect(executions.length).toBeGreaterThanOrEqual(items);
  // Something must have died in the middle of it, or this has shown nothing.
  expect(executions.length).toBeGreaterThan(items);
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
}, 90_000);
