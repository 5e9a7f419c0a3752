import { isDeepStrictEqual } from "node:util";
import type { Orchestrator } from "../../src/index.ts";
import type { PlannedRun } from "./plan.ts";

/** What a run came to, beside being right. */
export interface Verified {
  readonly items: number;
  /** One sentence for each thing that is not as it must be. */
  readonly problems: readonly string[];
}

/** Compares a run that has ended with what was expected of it: result, figures, counters and history. */
export async function verify(orchestrator: Orchestrator, run: PlannedRun): Promise<Verified> {
  const { runId, expected } = run;
  const problems: string[] = [];
  const same = (what: string, found: unknown, wanted: unknown): void => {
    if (isDeepStrictEqual(found, wanted)) return;
    const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
    problems.push(`${runId}: ${what} is ${is}, expected ${should}`);
  };

  const [result, outputs, figures, context, events] = await Promise.all([
    orchestrator.result(runId),
    orchestrator.outputs(runId),
    orchestrator.metrics(runId),
    orchestrator.context(runId),
    orchestrator.history(runId),
  ]);
  same("the result", result, expected.output);
  same("the number of results", outputs.length, 1);
  same("the status", figures.status, "completed");
  same("items", figures.items, expected.items);
  same("completed items", figures.completed, expected.completed);
  same("failed items", figures.failed, expected.failed);
  same("retries", figures.retries, expected.retries);
  for (const [name, value] of Object.entries(expected.counters)) {
    same(`the counter ${name}`, context[name], value);
  }

  // A commit is an event. Each item may have one, whoever executed it how often.
  const committed = events.filter(({ kind }) => kind === "item.completed").map(({ item }) => item);
  same("commits in the history", committed.length, expected.completed);
  same("items committed twice", committed.length - new Set(committed).size, 0);
  const numbers = events.map(({ number }) => number);
  same(
    "event numbers",
    numbers,
    Array.from(numbers, (_, i) => i + 1),
  );
  return { items: figures.completed, problems };
}
