// Two kinds of time. `sleep` parks the item durably, with nothing waiting in any process; then the node is executed again
// with `wake` set. `timeoutMs` limits one execution: the node's signal is aborted, and the attempt has failed.

import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { latest, next, node, runLocal, sleep, withTimeout, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Question = z.object({
  text: z.string(),
  /** Milliseconds before it is asked. */
  delayMs: z.number().int().nonnegative(),
  /** Milliseconds that the answer takes. */
  answerMs: z.number().int().nonnegative(),
});
const Answer = z.object({ text: z.string(), sleptMs: z.number() });
const Clock = { parkedAt: latest(z.number()) };

/** What is written to the context before a hold is there when the node is executed again. */
const later = node({
  context: Clock,
  input: Question,
  output: Question.extend({ sleptMs: z.number() }),
  run: ({ parkedAt, wake }, question) => {
    if (wake === null) {
      parkedAt.set(Date.now());
      return sleep(question.delayMs);
    }
    return next({ ...question, sleptMs: Date.now() - (parkedAt.get() ?? 0) });
  },
});

const ask = node({
  input: Question.extend({ sleptMs: z.number() }),
  output: Answer,
  run: async ({ signal }, { text, answerMs, sleptMs }) => {
    await wait(answerMs, undefined, { signal });
    return next({ text: `${text} - yes`, sleptMs });
  },
});

const giveUp = node({
  input: Question.extend({ sleptMs: z.number() }),
  output: Answer,
  run: (_context, { text, sleptMs }) => next({ text: `${text} - no answer in time`, sleptMs }),
});

export const reminder = workflow({
  name: "reminder",
  version: 1,
  context: Clock,
  nodes: { later, ask: withTimeout(ask, 100), giveUp },
  start: "later",
  edges: { later: ["ask"], ask: { next: [], onError: ["giveUp"] }, giveUp: [] },
});

await runDirectly(import.meta, async () => {
  console.log(await runLocal(reminder, { text: "Tea?", delayMs: 300, answerMs: 5 }));
  console.log(await runLocal(reminder, { text: "Coffee?", delayMs: 0, answerMs: 10_000 }));
});
