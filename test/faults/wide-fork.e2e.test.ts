import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { faultFlows } from "../support/fault-flows.ts";
import { Fleet } from "../support/fleet.ts";
import { LiveSystem } from "../support/live-system.ts";

const WIDTH = 2_000;

test("every branch of a wide fork counts once while workers are killed", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: 1_000 });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(3, { servers: server.url, paceMs: 100, concurrency: 16 });
  const id = await orchestrator.startRun("fault-fan", WIDTH);
  const ended = orchestrator.waitForCompletion(id, { timeoutMs: 60_000 });
  await eventually(async () => expect((await fleet.executions()).length).toBeGreaterThan(100), {
    withinMs: 20_000,
    everyMs: 10,
  });
  // Each of them has nodes in hand now.
  for (let kill = 0; kill < 4; kill++) {
    await fleet.any().kill();
    await fleet.add();
    await pause(100 * Math.random());
  }
  expect(await ended).toMatchObject({
    status: "completed",
    output: (WIDTH * (WIDTH + 1)) / 2,
  });
  const items = WIDTH + 2;
  expect(await orchestrator.metrics(id)).toMatchObject({ items, completed: items, failed: 0 });
  expect(await orchestrator.context(id)).toMatchObject({ steps: items });
  const executions = await fleet.executions();
  expect(new Set(executions.map(({ item }) => item)).size).toBe(items);
  // Something must have died in the middle of it, or this has shown nothing.
  expect(executions.length).toBeGreaterThan(items);
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
}, 90_000);
