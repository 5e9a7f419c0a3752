import type { Page } from "../core/ports/stores.ts";
import type { Backlog } from "../core/ports/work-queue.ts";
import type { DeadLetter } from "../core/records/dead-letter.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { WorkerHealth } from "../orchestrator/inspect.ts";
import type { ListRunsQuery } from "../orchestrator/list-query.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { RepairOptions } from "../orchestrator/repair.ts";
import type { RepairReport } from "../orchestrator/repair-report.ts";
import { mergedPage } from "./partition-pages.ts";

// What is asked of all partitions together, put together out of what each of them says. A partition is whatever answers
// as an orchestrator does.

type Asked<Verb extends keyof Orchestrator> = readonly Pick<Orchestrator, Verb>[];

/** What a partition has, with its number: ids of dead letters and workers are those of one partition. */
export type InPartition<T> = T & { readonly partition: number };

/** See {@link PartitionedOrchestrator.listRuns}. */
export function runsOfAll(
  partitions: Asked<"listRuns">,
  query: ListRunsQuery,
): Promise<Page<RunInfo>> {
  const { limit = 50, cursor = null, ...filter } = query;
  return mergedPage(
    partitions,
    { limit, cursor },
    (one, count, place) => one.listRuns({ ...filter, limit: count, cursor: place }),
    cameToStatusAt,
  );
}

/** When the run ended or, before that, was created: the info of a run that was paused or resumed does not say when. */
const cameToStatusAt = (info: RunInfo): string =>
  info.status === "running" || info.status === "paused" ? info.createdAt : info.finishedAt;

/** See {@link PartitionedOrchestrator.deadLetters}. */
export function deadLettersOfAll(
  partitions: Asked<"deadLetters">,
  { limit = 50, cursor = null }: { readonly limit?: number; readonly cursor?: string | null },
): Promise<Page<InPartition<DeadLetter>>> {
  return mergedPage(
    partitions,
    { limit, cursor },
    async (one, count, place) => {
      const before = place === null ? null : Number(place);
      const letters = await one.deadLetters({ limit: count, before });
      const oldest = letters.length < count ? undefined : letters.at(-1);
      const partition = partitions.indexOf(one);
      return {
        items: letters.map((letter) => ({ ...letter, partition })),
        cursor: oldest === undefined ? null : `${oldest.id}`,
      };
    },
    ({ at }) => at,
  );
}

/** What waits in the queues of all, by workflow. */
export async function backlogOfAll(partitions: Asked<"backlog">): Promise<readonly Backlog[]> {
  const all = await Promise.all(partitions.map((one) => one.backlog()));
  const sums = new Map<string, Backlog>();
  for (const { workflow, starts, items, inFlight } of all.flat()) {
    const sum = sums.get(workflow) ?? { workflow, starts: 0, items: 0, inFlight: 0 };
    sums.set(workflow, {
      workflow,
      starts: sum.starts + starts,
      items: sum.items + items,
      inFlight: sum.inFlight + inFlight,
    });
  }
  return [...sums.values()].sort((a, b) => (a.workflow < b.workflow ? -1 : 1));
}

/** What each worker of each partition said last, and how long ago. */
export async function workersOfAll(
  partitions: Asked<"listWorkerHealth">,
): Promise<readonly InPartition<WorkerHealth>[]> {
  const all = await Promise.all(partitions.map((one) => one.listWorkerHealth()));
  return all.flatMap((workers, partition) => workers.map((worker) => ({ ...worker, partition })));
}

/**
 * Looks at all of them. One that cannot be looked at does not keep the others from it.
 *
 * @returns what was found in all of them together
 * @throws what the first of them threw that failed, when the others are done
 */
export async function repairAll(
  partitions: Asked<"repair">,
  options: RepairOptions,
): Promise<RepairReport> {
  const { onProgress, ...rest } = options;
  const reports = new Map<number, RepairReport>();
  const looks = partitions.map(async (one, partition) => {
    const report = await one.repair({
      ...rest,
      onProgress: (soFar) => {
        reports.set(partition, soFar);
        onProgress?.(total([...reports.values()]));
      },
    });
    reports.set(partition, report);
  });
  for (const look of await Promise.allSettled(looks)) {
    if (look.status === "rejected") throw look.reason;
  }
  return total([...reports.values()]);
}

/** What several looks found together. */
export function total(reports: readonly RepairReport[]): RepairReport {
  const sum = (count: keyof RepairReport) =>
    reports.reduce((before, report) => before + report[count], 0);
  return {
    looked: sum("looked"),
    runs: sum("runs"),
    items: sum("items"),
    starts: sum("starts"),
    projections: sum("projections"),
    restored: sum("restored"),
    lost: sum("lost"),
    unreadable: sum("unreadable"),
  };
}
