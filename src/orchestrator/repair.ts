import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { START_CARRIER } from "../core/checkpoint/checkpoint.ts";
import { dueMs } from "../core/checkpoint/inspect.ts";
import { isFloxideError } from "../core/errors.ts";
import type { QueuedStart } from "../core/ports/work-queue.ts";
import { startRequestBody } from "../core/records/start-request.ts";
import { projectRun } from "../engine/project.ts";
import { requeue } from "../engine/requeue.ts";
import { readable } from "./find-run.ts";
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

const PAGE = 200;
const PAGES = 50;

/**
 * Looks at up to ten thousand running runs, newest first, and queues again what was lost.
 *
 * @param quietMs - milliseconds since its last commit after which a run is looked at
 */
export async function repairRuns(scope: OrchestratorScope, quietMs: number): Promise<RepairReport> {
  const report = { looked: 0, runs: 0, items: 0, starts: 0, projections: 0 };
  report.starts = await repairStarts(scope);
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const found: Awaited<ReturnType<typeof scope.backend.runs.list>> =
      await scope.backend.runs.list({ status: "running" }, PAGE, cursor);
    for (const { runId } of found.items) {
      report.looked += 1;
      const done = await repairOrReport(scope, runId, quietMs);
      report.items += done.items;
      report.runs += done.items > 0 ? 1 : 0;
      report.projections += done.projected ? 1 : 0;
    }
    cursor = found.cursor;
    if (cursor === null) break;
  }
  if (report.items + report.starts + report.projections > 0)
    scope.log.warn(report, "runs repaired");
  return report;
}

/** Queues start requests again that the queue keeps and believes acknowledged: it would never hand them out. */
async function repairStarts(scope: OrchestratorScope): Promise<number> {
  const { queue, namespace } = scope.backend;
  const forgotten: QueuedStart[] = [];
  const floors = new Map<string, number>();
  for (const { workflow } of await queue.backlog()) {
    floors.set(workflow, await queue.ackFloor({ kind: "start", workflow }));
  }
  for (const start of await queue.startsWaiting(PAGE * PAGES)) {
    if (start.seq <= (floors.get(start.workflow) ?? 0)) forgotten.push(start);
  }
  let repaired = 0;
  for (const start of forgotten) {
    const request = readable(start, namespace);
    // The run id goes into the body: were it made of the message's place, the new one would be another run.
    const body = request === null ? start.body : startRequestBody(request);
    await queue.requeueStart({ ...start, body });
    repaired += 1;
    const { workflow, seq } = start;
    scope.log.warn({ workflow, seq }, "a start request that the queue had forgotten queued again");
  }
  return repaired;
}

/** One run that cannot be read must not keep the others from being repaired. */
async function repairOrReport(
  scope: OrchestratorScope,
  runId: string,
  quietMs: number,
): ReturnType<typeof repairRun> {
  try {
    return await repairRun(scope, runId, quietMs);
  } catch (error) {
    if (!isFloxideError(error, "validation")) throw error;
    scope.log.error({ err: error, runId }, "the run cannot be looked at");
    return { items: 0, projected: false };
  }
}

async function repairRun(
  scope: OrchestratorScope,
  runId: string,
  quietMs: number,
): Promise<{ readonly items: number; readonly projected: boolean }> {
  const { backend, clock } = scope;
  const view = await backend.contexts.get(runId);
  if (view === null) return { items: 0, projected: false };
  const { checkpoint, revision } = view;
  if (clock.now() - Date.parse(checkpoint.updatedAt) < quietMs)
    return { items: 0, projected: false };
  if (checkpoint.status !== "running") {
    await projectRun(backend, checkpoint, revision);
    return { items: 0, projected: true };
  }
  const stranded = await strandedItems(scope, checkpoint);
  if (stranded.length === 0) return { items: 0, projected: false };
  scope.log.warn(
    { runId, workflow: checkpoint.workflow, items: stranded },
    "items without a message queued again",
  );
  await requeue(
    backend.queue,
    checkpoint,
    revision,
    stranded,
    clock.now(),
    `repair-${clock.now()}`,
  );
  return { items: stranded.length, projected: false };
}

/** Items that want to run, now or at a time, and that no message vouches for. */
async function strandedItems(scope: OrchestratorScope, checkpoint: Checkpoint): Promise<number[]> {
  const { queue } = scope.backend;
  const { workflow, runId } = checkpoint;
  // The floor first: what is below it and still there afterwards is not on its way out.
  const floor = await queue.ackFloor({ kind: "work", workflow });
  const queued = await queue.queued(workflow, runId);
  const alive = new Set<number>();
  for (const { item, seq, scheduled } of queued) {
    // Below the floor the queue believes the message acknowledged: it will never deliver it again.
    if (scheduled || seq > floor) alive.add(item);
    else await queue.drop(seq);
  }
  const startWaits = checkpoint.started && (await startIsAlive(scope, checkpoint));
  return Object.entries(checkpoint.items)
    .filter(([key, item]) => {
      if (dueMs(item) === Number.POSITIVE_INFINITY) return false;
      if (alive.has(Number(key))) return false;
      if (item.carrier === undefined) return true;
      return item.carrier === START_CARRIER ? !startWaits : !alive.has(item.carrier);
    })
    .map(([key]) => Number(key));
}

async function startIsAlive(scope: OrchestratorScope, checkpoint: Checkpoint): Promise<boolean> {
  const { queue } = scope.backend;
  const { startSeq, workflow } = checkpoint;
  const floor = await queue.ackFloor({ kind: "start", workflow });
  return startSeq > floor && (await queue.startAt(startSeq)) !== null;
}
