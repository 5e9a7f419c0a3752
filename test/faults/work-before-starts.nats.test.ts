import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { next, node, split, workflow } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { LiveSystem } from "../support/live-system.ts";

const WIDTH = 30;
let singles = 0;

const wide = workflow({
  name: "wide",
  version: 1,
  nodes: {
    fork: split({
      input: z.number(),
      output: z.number(),
      into: (n) => Array.from({ length: n }, (_, i) => i),
    }),
    part: node({
      input: z.number(),
      output: z.number(),
      run: async (_c, n) => {
        await pause(60);
        return next(n);
      },
    }),
  },
  start: "fork",
  edges: { fork: ["part"], part: [] },
});

const others = Array.from({ length: 6 }, (_, i) =>
  workflow({
    name: `single-${i}`,
    version: 1,
    nodes: {
      only: node({
        input: z.number(),
        output: z.number(),
        run: async (_c, n) => {
          await pause(60);
          singles += 1;
          return next(n);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  }),
);

test("a run that has begun goes on before new ones begin, however many kinds of them wait", async () => {
  await using system = await LiveSystem.start([wide, ...others], { ackWaitMs: 5_000 });
  const { orchestrator } = system;
  await system.worker({ concurrency: 4 });
  // Its nodes are known to take their time.
  for (const other of others) await orchestrator.startRun(other, 0);
  await eventually(() => expect(singles).toBe(others.length));
  await Promise.all(
    others.flatMap((other) =>
      Array.from({ length: 50 }, (_, i) => orchestrator.startRun(other, i)),
    ),
  );
  const run = await orchestrator.startRun(wide, WIDTH);
  await eventually(
    async () => expect((await orchestrator.metrics(run)).completed).toBeGreaterThan(0),
    {
      withinMs: 20_000,
    },
  );
  const before = singles;
  await orchestrator.waitForCompletion(run, { timeoutMs: 20_000 });
  // Asked for in turn, six would begin for each branch. On a busy machine some get in between.
  expect(singles - before).toBeLessThan(3 * WIDTH);
}, 40_000);
