import { isFloxideError } from "../core/errors.ts";
import type { Page } from "../core/ports/stores.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { startRequestBody } from "../core/records/start-request.ts";
import { readable } from "./find-run.ts";
import { type RepairedRun, repairRun } from "./repair-run.ts";
import type { OrchestratorScope } from "./scope.ts";

// Looks for runs that should move and have nothing that will move them. Invariants:
// 1. Every repair is idempotent: several orchestrators may look at once, and a message too many is dropped by the
//    worker that gets it.
// 2. An item is queued again only when neither it nor what carries it has a message, or when the queue has forgotten
//    the message it has: a long-running node is never started twice by a repair.
// 3. Young runs are left alone: their messages may be on the way.

/** What one look at the runs found and did. */
export interface RepairReport {
  readonly looked: number;
  /** Runs with items that had nothing to move them, and how many items that were. */
  readonly runs: number;
  readonly items: number;
  /** Start requests that the queue had forgotten. */
  readonly starts: number;
  /** Runs whose list entry said something else than their checkpoint. */
  readonly projections: number;
}

/** Milliseconds after which a client that filed a run has certainly sent its start request, or died. */
const GHOST_MS = 600_000;

const PAGE = 200;
const PAGES = 50;

/** Where a look at the runs ended: the next goes on from there. */
export type RepairCursor = {
  readonly status: "running" | "paused";
  readonly cursor: string | null;
};

export const FIRST_LOOK: RepairCursor = { status: "running", cursor: null };

/**
 * Looks at up to ten thousand runs that have not ended, newest first, and queues again what was lost.
 *
 * @param quietMs - milliseconds since its last commit after which a run is looked at
 * @param from - where the look before ended
 */
export async function repairRuns(
  scope: OrchestratorScope,
  quietMs: number,
  from: RepairCursor,
): Promise<{ readonly report: RepairReport; readonly next: RepairCursor }> {
  const report: Counts = { looked: 0, runs: 0, items: 0, starts: 0, projections: 0 };
  const waiting = await repairStarts(scope, report);
  let at: RepairCursor = from;
  for (let page = 0; page < PAGES; page++) {
    const { status, cursor } = at;
    const found: Page<RunInfo> = await scope.backend.runs.list({ status }, PAGE, cursor);
    for (const info of found.items) {
      count(report, await repairOrReport(scope, info, quietMs, waiting));
    }
    at = after(at, found.cursor);
    if (at === FIRST_LOOK) break;
  }
  if (report.items + report.starts + report.projections > 0)
    scope.log.warn(report, "runs repaired");
  return { report, next: at };
}

/** Running runs first, then paused ones, then from the beginning again. */
function after({ status }: RepairCursor, cursor: string | null): RepairCursor {
  if (cursor !== null) return { status, cursor };
  return status === "running" ? { status: "paused", cursor: null } : FIRST_LOOK;
}

type Counts = { -readonly [K in keyof RepairReport]: RepairReport[K] };

function count(report: Counts, { items, projected }: RepairedRun): void {
  report.looked += 1;
  report.items += items;
  if (items > 0) report.runs += 1;
  if (projected) report.projections += 1;
}

/**
 * Queues start requests again that the queue keeps and believes acknowledged: it would never hand them out.
 *
 * @returns ids of the runs whose requests are in the queue, or null where they are too many to know
 */
async function repairStarts(
  scope: OrchestratorScope,
  report: { starts: number },
): Promise<ReadonlySet<string> | null> {
  const { queue, namespace } = scope.backend;
  const floors = new Map<string, number>();
  for (const { workflow } of await queue.backlog()) {
    floors.set(workflow, await queue.ackFloor({ kind: "start", workflow }));
  }
  const starts = await queue.startsWaiting(PAGE * PAGES);
  const runs = new Set<string>();
  for (const start of starts) {
    const request = readable(start, namespace);
    if (request !== null) runs.add(request.runId);
    if (start.seq > (floors.get(start.workflow) ?? 0)) continue;
    // The run id goes into the body: were it made of the message's place, the new one would be another run.
    await queue.requeueStart({
      ...start,
      body: request === null ? start.body : startRequestBody(request),
    });
    report.starts += 1;
    const { workflow, seq } = start;
    scope.log.warn({ workflow, seq }, "a start request that the queue had forgotten queued again");
  }
  return starts.length < PAGE * PAGES ? runs : null;
}

/** One run that cannot be read must not keep the others from being repaired. */
async function repairOrReport(
  scope: OrchestratorScope,
  info: RunInfo,
  quietMs: number,
  waiting: ReadonlySet<string> | null,
): Promise<RepairedRun> {
  const { runId, status } = info;
  try {
    if (await isGhost(scope, info, quietMs, waiting)) {
      await scope.backend.runs.remove(runId);
      scope.log.warn(
        { runId },
        "a run was filed whose start request was never sent: taken off the list",
      );
      return { items: 0, projected: true };
    }
    return await repairRun(scope, runId, quietMs, status);
  } catch (error) {
    if (!isFloxideError(error, "validation")) throw error;
    scope.log.error({ err: error, runId }, "the run cannot be looked at");
    return { items: 0, projected: false };
  }
}

/** True for a run that is listed, but was neither begun nor is in the queue: its client died between the two. */
async function isGhost(
  { backend, clock }: OrchestratorScope,
  { runId, revision, createdAt }: RunInfo,
  quietMs: number,
  waiting: ReadonlySet<string> | null,
): Promise<boolean> {
  if (revision > 0 || waiting === null || waiting.has(runId)) return false;
  if (clock.now() - Date.parse(createdAt) < Math.max(quietMs, GHOST_MS)) return false;
  return (await backend.contexts.get(runId)) === null;
}
