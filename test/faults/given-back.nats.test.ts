import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { next, node, workflow } from "../../src/index.ts";
import { LiveSystem } from "../support/live-system.ts";

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

test.fails("work that a busy worker gave back unexecuted is not counted as lost", async () => {
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
