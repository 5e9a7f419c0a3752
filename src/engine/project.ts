import type { Checkpoint, RunStatus } from "../core/checkpoint/checkpoint.ts";
import { isFinal, isTerminal } from "../core/checkpoint/checkpoint.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Versioned } from "../core/ports/stores.ts";
import { historyOf } from "../core/records/history-event.ts";
import { toRunMetrics } from "../core/records/metrics.ts";
import { toRunInfo } from "../core/records/run-info.ts";

// Projections of checkpoints: idempotent, repeatable, never consulted to decide.

/** Events that a checkpoint gathers before they go to the history stream in one message. */
export const HISTORY_CHUNK = 32;

/** Writes what lists, figures and the history show of a run whose status changed. */
export async function projectRun(
  backend: Backend,
  checkpoint: Checkpoint,
  revision: number,
): Promise<void> {
  const { runId } = checkpoint;
  const writes: Promise<void>[] = [
    backend.runs.replace(toRunInfo(checkpoint, revision), formerStatuses(checkpoint)),
  ];
  if (isTerminal(checkpoint.status)) {
    writes.push(keepFigures(backend, { checkpoint, revision }), keepHistory(backend, checkpoint));
  }
  if (checkpoint.outside === true && isFinal(checkpoint.status))
    writes.push(backend.values.removeRun(runId));
  await Promise.all(writes);
}

/**
 * Writes the figures of a run that has ended. Those of a failure may be stored late, when the run was resumed and has ended
 * another way: then these are written.
 */
export async function keepFigures(
  backend: Backend,
  { checkpoint, revision }: Versioned,
): Promise<void> {
  await backend.metrics.put(toRunMetrics(checkpoint));
  if (isFinal(checkpoint.status)) return;
  const now = await backend.contexts.get(checkpoint.runId);
  if (now !== null && now.revision > revision && isTerminal(now.checkpoint.status))
    await keepFigures(backend, now);
}

/** Sends the events that the checkpoint holds, those after number `after`, to the history stream. */
export async function keepHistory(
  backend: Backend,
  checkpoint: Checkpoint,
  after = 0,
): Promise<void> {
  const { runId, workflow } = checkpoint;
  const events = historyOf(checkpoint, after);
  if (events.length > 0) await backend.history.append(workflow, runId, events);
}

/** Number of the newest event in the checkpoint. */
export const newestEvent = (checkpoint: Checkpoint): number => checkpoint.history.next - 1;

/** A run that was never paused nor resumed was running and nothing else; of others any status may be on file. */
function formerStatuses(checkpoint: Checkpoint): readonly RunStatus[] | null {
  // Events that are in the history stream already may have been of a pause.
  const steered =
    checkpoint.epoch > 0 ||
    checkpoint.history.events[0]?.[0] !== 1 ||
    checkpoint.history.events.some(([, , kind]) => kind === "run.paused");
  return steered || !isTerminal(checkpoint.status) ? null : ["running"];
}
