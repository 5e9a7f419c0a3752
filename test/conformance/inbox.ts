import type { Delivery, QueueSource, WorkQueue } from "../../src/core/ports/work-queue.ts";
import { WorkMessageSchema } from "../../src/core/records/work-message.ts";

/** Milliseconds that {@link take} waits for what must come. */
const PATIENCE_MS = 10_000;

/**
 * Takes so many messages, and no more.
 *
 * @throws Error where they do not come
 */
export async function take(
  queue: WorkQueue,
  source: QueueSource,
  count: number,
  onDelivery: (delivery: Delivery) => void = () => {},
): Promise<readonly Delivery[]> {
  const got: Delivery[] = [];
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const deliver = (delivery: Delivery): void => {
    got.push(delivery);
    onDelivery(delivery);
  };
  while (got.length < count && !signal.aborted) {
    await queue.pull(source, count - got.length, deliver, signal);
  }
  if (got.length !== count)
    throw new Error(`${got.length} of ${count} messages came from the ${source.kind} queue`);
  return got;
}

/** Takes so many messages and acknowledges each as it comes, so that none comes again. */
export function takeAndAck(
  queue: WorkQueue,
  source: QueueSource,
  count: number,
): Promise<readonly Delivery[]> {
  return take(queue, source, count, (delivery) => delivery.ack());
}

/** Takes one message. */
export async function takeOne(queue: WorkQueue, source: QueueSource): Promise<Delivery> {
  const [delivery] = await take(queue, source, 1);
  if (delivery === undefined) throw new Error("unreachable");
  return delivery;
}

/** Run and item that a delivery of the work queue names, such as `r1/3`. */
export function nameOf(delivery: Delivery): string {
  const { runId, item } = WorkMessageSchema.parse(JSON.parse(delivery.body));
  return `${runId}/${item}`;
}
