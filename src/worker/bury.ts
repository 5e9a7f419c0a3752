import type { Delivery } from "../core/ports/work-queue.ts";
import type { WorkerScope } from "./scope.ts";

/** Longest reason in a log line, in characters. */
const LOGGED = 1_000;

/** Keeps a message that nobody can handle, with the reason, and takes it out of the queue. */
export async function bury(
  scope: WorkerScope,
  delivery: Delivery,
  runId: string | null,
  code: string,
  reason: string,
): Promise<void> {
  const { subject, workflow, body, seq } = delivery;
  await scope.backend.deadLetters.add({ code, reason, subject, workflow, runId, body });
  scope.log.warn({ subject, seq, runId, code }, `dead letter: ${reason.slice(0, LOGGED)}`);
  delivery.ack();
}
