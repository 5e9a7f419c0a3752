import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { isFloxideError } from "../../src/index.ts";
import { expectExactly } from "../support/accounting.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultFlows, mixture } from "../support/fault-flows.ts";
import { Fleet } from "../support/fleet.ts";
import { LiveSystem } from "../support/live-system.ts";

const KILLS = 6;

test("nothing is lost and nothing counts twice while nats-server is killed and started again", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: 1_500, patienceMs: 1_500 });
  const { orchestrator, server } = system;
  await using fleet = await Fleet.start(2, { servers: server.url, paceMs: 10 });
  const runs = new Map<string, Expected>();
  const refused = new Map<string, Expected>();
  let started = 0;
  let killing = true;

  /** Ids are ours, so that a start that threw can be asked for later: it may have been accepted all the same. */
  const start = async (i: number): Promise<void> => {
    const expected = mixture(i);
    const runId = `run-${i}`;
    try {
      await orchestrator.startRun(expected.workflow, expected.input, { runId });
      runs.set(runId, expected);
    } catch (error) {
      if (!isFloxideError(error, "backend")) throw error;
      refused.set(runId, expected);
    }
  };
  const starter = (async () => {
    const pending = new Set<Promise<void>>();
    while (killing || runs.size < 120) {
      const one = start(started++).finally(() => pending.delete(one));
      pending.add(one);
      if (pending.size >= 20) await Promise.race(pending);
      await pause(20);
    }
    await Promise.all(pending);
  })();
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(400 + 800 * Math.random());
    await server.kill();
    // Now and then longer than a start is willing to wait.
    await pause(kill % 3 === 2 ? 2_500 : 200 * Math.random());
    await server.restart();
  }
  killing = false;
  await starter;
  expect(refused.size).toBeGreaterThan(0);
  for (const runId of runs.keys()) {
    await orchestrator.waitForCompletion(runId, { timeoutMs: 20_000 });
  }
  // All that wrote the whole time did it on the same connections.
  expect(fleet.members).toHaveLength(2);
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
  // A start that threw was kept or not; one that was kept is a run like any other.
  for (const [runId, expected] of refused) {
    if ((await system.backend.contexts.get(runId)) !== null) runs.set(runId, expected);
  }
  await expectExactly(orchestrator, runs, await fleet.executions());
}, 90_000);
