import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Versioned } from "../../src/core/ports/stores.ts";
import { isFloxideError } from "../../src/index.ts";
import { expectExactly } from "../support/accounting.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultFlows, mixture } from "../support/fault-flows.ts";
import { Fleet } from "../support/fleet.ts";
import { LiveSystem } from "../support/live-system.ts";

const RUNS = 360;
const KILLS = 6;

test("cancelled runs stand still and no other is lost while hundreds run and their workers die", async () => {
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: 1_000 });
  const { orchestrator, server, backend } = system;
  await using fleet = await Fleet.start(2, { servers: server.url, paceMs: 20, concurrency: 16 });
  const runs = new Map<string, Expected>();
  const fences = new Map<string, Versioned | null>();
  let late = 0;

  const killer = (async () => {
    const replaced: Promise<unknown>[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(600 + 400 * Math.random());
      await fleet.any().kill();
      replaced.push(fleet.add());
    }
    await Promise.all(replaced);
  })();
  /** @returns false where the run had ended before */
  const cancel = async (id: string): Promise<boolean> => {
    try {
      await orchestrator.cancel(id);
    } catch (error) {
      if (isFloxideError(error, "illegal_state")) return false;
      throw error;
    }
    fences.set(id, await backend.contexts.get(id));
    const { queued } = await orchestrator.pendingWork(id);
    if (queued === 0) return true;
    // A worker that had committed a fork just before was still handing its branches over. Nobody executes them.
    late += 1;
    await eventually(async () => expect((await orchestrator.pendingWork(id)).queued).toBe(0), {
      withinMs: 15_000,
      everyMs: 100,
    });
    return true;
  };
  const lane = async (first: number): Promise<void> => {
    const mine: string[] = [];
    for (let i = first; i < RUNS; i += 12) {
      const expected = mixture(i);
      const id = await orchestrator.startRun(expected.workflow, expected.input);
      runs.set(id, expected);
      mine.push(id);
      // One of those that began a moment ago, wherever it has come to.
      const chosen = mine.at(-1 - Math.floor(3 * Math.random()));
      if (i % 3 === 0 && chosen !== undefined && !fences.has(chosen)) await cancel(chosen);
      await pause(150 * Math.random());
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, i) => lane(i)));
  await killer;
  expect(fences.size).toBeGreaterThan(40);
  expect(late).toBeLessThan(fences.size / 4);
  for (const id of fences.keys()) runs.delete(id);
  for (const id of runs.keys()) await orchestrator.waitForCompletion(id, { timeoutMs: 30_000 });
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 15_000 });
  for (const [id, then] of fences) {
    expect(then?.checkpoint.status).toBe("cancelled");
    expect(await backend.contexts.get(id)).toEqual(then);
    expect((await orchestrator.run(id)).status).toBe("cancelled");
  }
  await expectExactly(orchestrator, runs, await fleet.executions());
}, 90_000);
