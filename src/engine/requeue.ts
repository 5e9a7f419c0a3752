import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { dueMs } from "../core/checkpoint/inspect.ts";
import type { WorkQueue } from "../core/ports/work-queue.ts";
import type { QueuedItem } from "../core/records/work-message.ts";

/** The message of one item of a run. */
function messageOf(checkpoint: Checkpoint, revision: number, id: number, salt: string): QueuedItem {
  return {
    v: 1,
    workflow: checkpoint.workflow,
    runId: checkpoint.runId,
    item: id,
    revision,
    version: checkpoint.version,
    fingerprint: checkpoint.fingerprint,
    epoch: checkpoint.epoch,
    turn: checkpoint.items[id]?.turn ?? 0,
    salt,
  };
}

/**
 * Gives items messages of their own: those that may run now in the queue, those that wait for a time in its schedules.
 * Items that only a signal can move get none.
 *
 * @param salt - makes the messages new ones, where the queue may remember those that it lost
 */
export async function requeue(
  queue: WorkQueue,
  checkpoint: Checkpoint,
  revision: number,
  ids: readonly number[],
  now: number,
  salt = "",
): Promise<void> {
  const due: QueuedItem[] = [];
  const writes: Promise<void>[] = [];
  for (const id of ids) {
    const item = checkpoint.items[id];
    if (item === undefined) continue;
    const at = dueMs(item);
    const message = messageOf(checkpoint, revision, id, salt);
    if (at <= now) due.push(message);
    else if (at !== Number.POSITIVE_INFINITY) writes.push(queue.schedule(message, at));
  }
  if (due.length > 0) writes.push(queue.enqueue(due));
  await Promise.all(writes);
}
