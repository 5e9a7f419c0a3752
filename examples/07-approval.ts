// A run that waits for a person: `hold` parks the item, however long it takes and whatever process dies meanwhile, until a
// signal releases it or its time is up. Then the node is executed again, and `wake` says why.

import { z } from "zod";
import { hold, LocalSystem, next, node, variant, variants, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Expense = z.object({
  what: z.string(),
  cents: z.number().int(),
  /** How long to wait for an answer, in milliseconds. */
  patienceMs: z.number().int(),
});
const Answer = z.object({ by: z.string(), ok: z.boolean() });

const ask = node({
  input: Expense,
  output: variants({ approved: z.string(), refused: z.string() }),
  // With the schema of its payload: what does not fit never reaches the node.
  signals: { approval: Answer },
  run: ({ wake, log }, { what, cents, patienceMs }) => {
    if (cents < 1_000) return next(variant("approved", "nobody had to ask"));
    if (wake === null) {
      log.info({ what, cents }, "waits for an approval");
      return hold({ for: "approval", timeoutMs: patienceMs });
    }
    if (wake.type === "timeout") return next(variant("refused", "nobody answered"));
    const { by, ok } = wake.payload;
    return next(variant(ok ? "approved" : "refused", by));
  },
});

const pay = node({
  input: z.string(),
  output: z.string(),
  run: (_context, by) => next(`paid (${by})`),
});

const decline = node({
  input: z.string(),
  output: z.string(),
  run: (_context, by) => next(`declined (${by})`),
});

export const expense = workflow({
  name: "expense",
  version: 1,
  nodes: { ask, pay, decline },
  start: "ask",
  edges: { ask: { on: { approved: ["pay"], refused: ["decline"] } }, pay: [], decline: [] },
});

await runDirectly(import.meta, async () => {
  await using system = await LocalSystem.start({ workflows: [expense] });
  const { orchestrator } = system;
  const start = (what: string, cents: number, patienceMs: number): Promise<string> =>
    orchestrator.startRun(expense, { what, cents, patienceMs });
  const pencil = await start("pencil", 90, 60_000);
  const desk = await start("desk", 45_000, 60_000);
  const yacht = await start("yacht", 90_000_000, 60_000);
  const chair = await start("chair", 20_000, 200);
  // A signal may come before the run has got to its hold: it is kept.
  await orchestrator.signal(desk, "approval", { by: "the boss", ok: true });
  await orchestrator.signal(yacht, "approval", { by: "the boss", ok: false });
  for (const runId of [pencil, desk, yacht, chair]) {
    await orchestrator.waitForCompletion(runId);
    console.log(await orchestrator.result(runId));
  }
});
