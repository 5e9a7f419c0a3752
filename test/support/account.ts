import type { HistoryEvent, Orchestrator } from "../../src/index.ts";
import type { Expected } from "./fault-flows.ts";

/** What everybody says of one run: the engine's figures, its history, its context and result, and the journals. */
export interface Account {
  readonly status: string;
  readonly output: unknown;
  readonly items: number;
  readonly completed: number;
  readonly retries: number;
  readonly failed: number;
  /** The counter that every node adds one to. */
  readonly steps: unknown;
  /** Numbers of the history that are missing or come twice. */
  readonly gaps: readonly number[];
  /** Items that the history calls completed, more often than once. */
  readonly twice: readonly number[];
  /** Events that begin and end the run. */
  readonly begun: number;
  readonly ended: number;
  readonly completedItems: number;
  /** Items that were committed and that no journal knows. */
  readonly unexecuted: readonly number[];
}

/** What an undisturbed run would have. */
export function exactly({ output, items, retries, failed = 0 }: Expected): Account {
  return {
    status: "completed",
    output,
    items,
    completed: items - failed,
    retries,
    failed,
    steps: items - failed,
    gaps: [],
    twice: [],
    begun: 1,
    ended: 1,
    completedItems: items - failed,
    unexecuted: [],
  };
}

/** What everybody says of the run. @param executed - `<run>/<item>` of every execution that a journal knows */
export async function accountOf(
  orchestrator: Orchestrator,
  runId: string,
  executed: ReadonlySet<string>,
): Promise<Account> {
  const [info, metrics, context, history] = await Promise.all([
    orchestrator.run(runId),
    orchestrator.metrics(runId),
    orchestrator.context(runId),
    orchestrator.history(runId),
  ]);
  const completed = history.filter(({ kind }) => kind === "item.completed").map(({ item }) => item);
  const count = (test: (event: HistoryEvent) => boolean) => history.filter(test).length;
  return {
    status: info.status,
    output: info.status === "completed" ? info.output : null,
    items: metrics.items,
    completed: metrics.completed,
    retries: metrics.retries,
    failed: metrics.failed,
    steps: context["steps"],
    gaps: history.map(({ number }) => number).filter((number, i) => number !== i + 1),
    twice: repeated(completed),
    begun: count(({ kind }) => kind === "run.started"),
    ended: count(({ kind }) => /^run\.(completed|failed|cancelled)$/.test(kind)),
    completedItems: completed.length,
    unexecuted: completed.flatMap((item) =>
      item === null || executed.has(`${runId}/${item}`) ? [] : [item],
    ),
  };
}

function repeated(items: readonly (number | null)[]): number[] {
  return items.filter((item, i): item is number => item !== null && items.indexOf(item) !== i);
}
