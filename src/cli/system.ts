import {
  backlogOfAll,
  deadLettersOfAll,
  runsOfAll,
  workersOfAll,
} from "../client/all-partitions.ts";
import { FloxideError } from "../core/errors.ts";
import type { Page } from "../core/ports/stores.ts";
import type { Backlog } from "../core/ports/work-queue.ts";
import type { DeadLetter } from "../core/records/dead-letter.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { WorkerHealth } from "../orchestrator/inspect.ts";
import type { ListRunsQuery } from "../orchestrator/list-query.ts";
import type { Runs } from "./runs.ts";

/** With the number of its partition, where there are some. */
export type Placed<T> = T & { readonly partition?: number };

/** Which dead letters are wanted. */
export interface LetterQuery {
  readonly limit: number;
  /** Only older ones than that of this id: where there are no partitions. */
  readonly before?: number;
  /** Where the page before ended: over partitions. */
  readonly cursor?: string;
}

/** What looks at all runs, workers and messages of a system, on one namespace or on partitions. */
export interface System {
  listRuns(query: ListRunsQuery): Promise<Page<RunInfo>>;
  listWorkerHealth(): Promise<readonly Placed<WorkerHealth>[]>;
  backlog(): Promise<readonly Backlog[]>;
  /** @throws FloxideError `validation` where the query is one for the other kind of system */
  deadLetters(query: LetterQuery): Promise<Page<Placed<DeadLetter>>>;
}

/** @param isPartitioned - else there is one, which is all */
export function systemOf(all: readonly Runs[], isPartitioned: boolean): System {
  const [only] = all;
  if (!isPartitioned && only !== undefined) return systemOn(only);
  return {
    listRuns: (query) => runsOfAll(all, query),
    listWorkerHealth: () => workersOfAll(all),
    backlog: () => backlogOfAll(all),
    deadLetters: async ({ before, ...query }) => {
      if (before === undefined) return deadLettersOfAll(all, query);
      throw new FloxideError("validation", "over partitions it is --cursor, not --before");
    },
  };
}

function systemOn(runs: Runs): System {
  return {
    listRuns: (query) => runs.listRuns(query),
    listWorkerHealth: () => runs.listWorkerHealth(),
    backlog: () => runs.backlog(),
    deadLetters: async ({ cursor, ...query }) => {
      if (cursor !== undefined)
        throw new FloxideError("validation", "without --partitions it is --before, not --cursor");
      const items = await runs.deadLetters(query);
      const last = items.length < query.limit ? undefined : items.at(-1);
      return { items, cursor: last === undefined ? null : String(last.id) };
    },
  };
}
