import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { next, node, variant, variants, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

/** More than the test waits for. */
const LENGTH = 10_000;
let steps = 0;

const long = workflow({
  name: "long",
  version: 1,
  nodes: {
    step: node({
      input: z.number(),
      output: variants({ again: z.number(), done: z.number() }),
      run: async (_c, n) => {
        await pause(60);
        steps += 1;
        return next(variant(n < LENGTH ? "again" : "done", n + 1));
      },
    }),
  },
  start: "step",
  edges: { step: { on: { again: ["step"], done: [] } } },
});

const brief = ["first", "second"].map((name) =>
  workflow({
    name,
    version: 1,
    nodes: {
      only: node({ input: z.number(), output: z.number(), run: (_c, n) => next(n) }),
    },
    start: "only",
    edges: { only: [] },
  }),
);

test("new runs begin beside chains that could hold all slots, of whichever workflow", async () => {
  await using system = await LiveSystem.start([long, ...brief], { ackWaitMs: 5_000 });
  const { orchestrator } = system;
  await system.worker({ concurrency: 2, stepsInPlace: 5 });
  const chains = await Promise.all([0, 0, 0].map((n) => orchestrator.startRun(long, n)));
  // The chains have been in the queue and back: their work is known to take its time.
  await eventually(() => expect(steps).toBeGreaterThan(12));
  const runs = await Promise.all(brief.map((one) => orchestrator.startRun(one, 1)));
  for (const run of runs) await orchestrator.waitForCompletion(run, { timeoutMs: 20_000 });
  for (const chain of chains) expect(await orchestrator.status(chain)).toBe("running");
}, 40_000);
