// Cancelling a run: once `cancel` has returned nothing of the run commits any more. A node that is being executed is told by
// its `AbortSignal`; hand that to whatever takes one (fetch, timers, streams), so that the work really ends.

import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { LocalSystem, next, node, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

/** What the nodes did, for whoever looks on. */
export const diary: string[] = [];

const prepare = node({
  input: z.object({ pages: z.number().int() }),
  output: z.number(),
  run: (_context, { pages }) => next(pages),
});

const scan = node({
  input: z.number(),
  output: z.string(),
  run: async ({ signal, run }, pages) => {
    try {
      for (let page = 1; page <= pages; page++) {
        await wait(20, undefined, { signal });
        diary.push(`page ${page}`);
      }
    } catch (error) {
      // Here a node would delete half-made files. What it answers now counts for nothing.
      if (signal.aborted) diary.push(`stopped: ${signal.reason}`);
      throw error;
    }
    return next(`${run.id}: ${pages} pages`);
  },
});

export const scanning = workflow({
  name: "scanning",
  version: 1,
  nodes: { prepare, scan },
  start: "prepare",
  edges: { prepare: ["scan"], scan: [] },
});

await runDirectly(import.meta, async () => {
  await using system = await LocalSystem.start({ workflows: [scanning] });
  const { orchestrator } = system;
  const runId = await orchestrator.startRun(scanning, { pages: 1_000 });
  await wait(150);
  await orchestrator.cancel(runId);
  console.log(`the run is ${await orchestrator.status(runId)}`);
  await orchestrator.result(runId).catch((error: Error) => console.log(error.message));
  console.log(diary.join("\n"));
});
