import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import type { ContextStore } from "../../src/core/ports/stores.ts";
import { next, node, workflow } from "../../src/index.ts";
import { accountOf, exactly } from "../support/account.ts";
import { untilWaiting } from "../support/bring-to.ts";
import { eventually } from "../support/eventually.ts";
import {
  type Expected,
  faultFlows,
  faultHold,
  instrument,
  mixture,
} from "../support/fault-flows.ts";
import { gate } from "../support/gate.ts";
import { altered, LiveSystem } from "../support/live-system.ts";

/** Takes as many milliseconds as its input says. */
const timed = workflow({
  name: "timed",
  version: 1,
  nodes: {
    only: node({
      input: z.number(),
      output: z.number(),
      run: async (_c, ms) => {
        await pause(ms);
        return next(ms);
      },
    }),
  },
  start: "only",
  edges: { only: [] },
});

test("work that a busy worker gave back unexecuted is not counted as lost", async () => {
  await using system = await LiveSystem.start([timed]);
  const { orchestrator } = system;
  await system.worker({ concurrency: 1 });
  // The worker learns that its work is short, and asks for more than it can execute at once.
  for (let i = 0; i < 20; i++) {
    const id = await orchestrator.startRun(timed, 0);
    await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  }
  const ids = [await orchestrator.startRun(timed, 5_000), await orchestrator.startRun(timed, 1)];
  for (const id of ids) await orchestrator.waitForCompletion(id, { timeoutMs: 20_000 });
  for (const id of ids) expect(await orchestrator.metrics(id)).toMatchObject({ lost: 0 });
}, 30_000);

/** Far longer than the tests below may take: nothing in them comes back by itself. */
const LONG_ACK_WAIT_MS = 20_000;

/** Contexts that hold back the first write which says that an item is tried. */
function slowToTry(contexts: ContextStore, onTry: () => void, go: Promise<void>): ContextStore {
  let isFirst = true;
  return {
    get: (runId, atLeast) => contexts.get(runId, atLeast),
    create: (checkpoint, spare) => contexts.create(checkpoint, spare),
    update: async (checkpoint, revision, spare) => {
      if (isFirst && Object.values(checkpoint.items).some(({ trying }) => trying === true)) {
        isFirst = false;
        onTry();
        await go;
      }
      return contexts.update(checkpoint, revision, spare);
    },
    page: (after, limit) => contexts.page(after, limit),
    getMany: (runIds) => contexts.getMany(runIds),
    newestRevision: (atLeast) => contexts.newestRevision(atLeast),
    remove: (runId) => contexts.remove(runId),
  };
}

test("an item that a stopping worker wrote down and did not execute is not counted as lost", async () => {
  const executions: string[] = [];
  instrument(({ run, item }) => executions.push(`${run}/${item}`), 0);
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: LONG_ACK_WAIT_MS });
  const { orchestrator, backend } = system;
  const first = await system.worker();
  const id = await orchestrator.startRun(faultHold, 10);
  await untilWaiting(system, id);
  await first.stop();
  await orchestrator.signal(id, "go", 7);
  // Somebody takes the message and gives it back: it comes again.
  const source = { kind: "work", workflow: faultHold.name } as const;
  const patience = AbortSignal.timeout(5_000);
  await backend.queue.pull(source, 1, (delivery) => delivery.giveBack(), patience);
  const tries = gate();
  const go = gate();
  const stopping = await system.worker({}, (real) =>
    altered(real, { contexts: slowToTry(real.contexts, tries.open, go.promise) }),
  );
  await tries.promise;
  const before = executions.length;
  const stopped = stopping.stop();
  go.open();
  await stopped;
  expect(executions.length).toBe(before);
  await system.worker();
  await orchestrator.waitForCompletion(id, { timeoutMs: 5_000 });
  expect(executions.length).toBe(before + 1);
  expect(await orchestrator.metrics(id)).toMatchObject({ completed: 2, lost: 0 });
}, 20_000);

test("a worker that stops gives back at once what it executes and what waits in it", async () => {
  let isStuck = true;
  let stuck = 0;
  const sticky = workflow({
    name: "sticky",
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        run: async (c, n) => {
          if (isStuck) {
            stuck += 1;
            await new Promise((_, reject) => c.signal.addEventListener("abort", reject));
          }
          return next(n);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  await using system = await LiveSystem.start([sticky], { ackWaitMs: LONG_ACK_WAIT_MS });
  const { orchestrator } = system;
  const stopping = await system.worker({ concurrency: 8 });
  const ids = await Promise.all(
    Array.from({ length: 20 }, (_, i) => orchestrator.startRun(sticky, i)),
  );
  await eventually(() => expect(stuck).toBe(8));
  isStuck = false;
  await system.worker();
  const began = performance.now();
  await stopping.stop({ graceMs: 50 });
  for (const id of ids) await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
  expect(performance.now() - began).toBeLessThan(LONG_ACK_WAIT_MS / 4);
  for (const id of ids) {
    expect(await orchestrator.metrics(id)).toMatchObject({ completed: 1, retries: 0, lost: 0 });
  }
  expect(await system.queued()).toBe(0);
}, 30_000);

test("workers that are replaced one after the other under load leave nothing behind", async () => {
  const executed = new Set<string>();
  instrument(({ run, item }) => executed.add(`${run}/${item}`), 15);
  await using system = await LiveSystem.start(faultFlows, { ackWaitMs: LONG_ACK_WAIT_MS });
  const { orchestrator } = system;
  let workers = [await system.worker(), await system.worker()];
  const runs = new Map<string, Expected>();
  for (let replaced = 0; replaced < 6; replaced++) {
    const fresh = await system.worker();
    for (let i = 0; i < 25; i++) {
      const expected = mixture(runs.size);
      runs.set(await orchestrator.startRun(expected.workflow, expected.input), expected);
    }
    const [oldest, ...others] = workers;
    workers = [...others, fresh];
    await oldest?.stop({ graceMs: 0 });
  }
  const stopped = performance.now();
  for (const id of runs.keys()) await orchestrator.waitForCompletion(id, { timeoutMs: 15_000 });
  expect(performance.now() - stopped).toBeLessThan(LONG_ACK_WAIT_MS / 2);
  for (const [id, expected] of runs) {
    expect(await accountOf(orchestrator, id, executed)).toEqual(exactly(expected));
    expect(await orchestrator.metrics(id)).toMatchObject({ lost: 0 });
  }
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 5_000 });
}, 45_000);
