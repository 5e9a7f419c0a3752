import type { QueuedStart } from "../core/ports/work-queue.ts";
import { type Names, readStartSubject, runIdOfStart } from "./names.ts";
import { INFO_WRITTEN } from "./signing.ts";
import { BATCH, type StreamReader } from "./stream-reader.ts";

/**
 * Start requests in the work stream, oldest first.
 *
 * @param limit - so many at most
 * @param after - only those beyond this position
 */
export async function readStarts(
  reader: StreamReader,
  names: Names,
  limit: number,
  after: number,
): Promise<readonly QueuedStart[]> {
  const starts: QueuedStart[] = [];
  for (let seq = after + 1; starts.length < limit; ) {
    const wanted = Math.min(BATCH, limit - starts.length);
    const { messages, more } = await reader.from(names.startAll, seq, wanted);
    for (const message of messages) {
      const workflow = readStartSubject(names, message.subject);
      const messageId = message.headers?.get("Nats-Msg-Id") || null;
      seq = message.seq + 1;
      if (workflow === null) continue;
      starts.push({
        workflow,
        seq: message.seq,
        acceptedAt: message.storedAt,
        messageId: messageId === null ? null : runIdOfStart(messageId),
        infoWritten: message.headers?.get(INFO_WRITTEN) === "1",
        body: message.body,
      });
    }
    if (!more || messages.length === 0) break;
  }
  return starts;
}
