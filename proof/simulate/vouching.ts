import { type Checkpoint, START_CARRIER } from "../../src/core/checkpoint/checkpoint.ts";
import { mayRun } from "../../src/core/checkpoint/inspect.ts";
import { namedIn } from "../../src/core/records/work-message.ts";
import type { Names } from "../../src/jetstream/names.ts";
import type { Replica } from "./nats/replica.ts";

/**
 * Looks for an item that wants to run and has no message in the queue, neither one of its own nor that which vouches for
 * it: nothing would move it if every process died now (G1).
 *
 * @returns what is wrong, or null
 */
export function unvouched(names: Names, queue: Replica, checkpoint: Checkpoint): string | null {
  const { status, runId, workflow, items, startSeq } = checkpoint;
  if (status !== "running") return null;
  const hasMessage = (item: number): boolean =>
    queue.on(names.work(workflow, runId, item)).length > 0 ||
    queue.lastOfEach([names.sched(workflow, runId, item, "*")]).length > 0;
  const hasOwn = (item: number, turn: number): boolean =>
    queue.on(names.sched(workflow, runId, item, turn)).length > 0 ||
    queue
      .on(names.work(workflow, runId, item))
      .some((seq) => namedIn(queue.messages.get(seq)?.body ?? "").turn === turn);
  for (const [key, item] of Object.entries(items)) {
    const { carrier, turn } = item;
    if (!mayRun(item)) continue;
    if (hasOwn(Number(key), turn)) continue;
    if (carrier === undefined) return `item ${key} of ${runId} has no message in the queue`;
    if (carrier === START_CARRIER ? queue.messages.has(startSeq) : hasMessage(carrier)) continue;
    return `item ${key} of ${runId} counts on the message of item ${carrier}, which is acknowledged`;
  }
  return null;
}
