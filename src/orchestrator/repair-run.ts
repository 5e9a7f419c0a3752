import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { START_CARRIER } from "../core/checkpoint/checkpoint.ts";
import { dueMs } from "../core/checkpoint/inspect.ts";
import { projectRun } from "../engine/project.ts";
import { requeue } from "../engine/requeue.ts";
import type { OrchestratorScope } from "./scope.ts";

/** What became of one run that was looked at. */
export interface RepairedRun {
  /** Items that were queued again. */
  readonly items: number;
  /** True where its list entry was written anew. */
  readonly projected: boolean;
}

const NOTHING: RepairedRun = { items: 0, projected: false };

/**
 * Looks at one run, and queues again those of its items that nothing will move.
 *
 * @param quietMs - milliseconds since its last commit after which it is looked at
 * @param filedAs - status that lists show it with
 */
export async function repairRun(
  scope: OrchestratorScope,
  runId: string,
  quietMs: number,
  filedAs: string | null = null,
): Promise<RepairedRun> {
  const { backend, clock } = scope;
  const view = await backend.contexts.get(runId);
  if (view === null) return NOTHING;
  const { checkpoint, revision } = view;
  if (clock.now() - Date.parse(checkpoint.updatedAt) < quietMs) return NOTHING;
  const isMisfiled = filedAs !== null && filedAs !== checkpoint.status;
  if (isMisfiled) await projectRun(backend, checkpoint, revision);
  if (checkpoint.status !== "running") return { items: 0, projected: isMisfiled };
  const stranded = await strandedItems(scope, checkpoint);
  if (stranded.length === 0) return { items: 0, projected: isMisfiled };
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
  return { items: stranded.length, projected: isMisfiled };
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
