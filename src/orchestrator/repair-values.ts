import { isFinal } from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import type { OrchestratorScope } from "./scope.ts";

/** Milliseconds since the last write after which values of an ended run are garbage. */
const ENDED_MS = 10 * 60 * 1_000;
/** The same for a run without a checkpoint: it may be about to begin in a worker that stands still. */
const GONE_MS = 24 * 60 * 60 * 1_000;

/** Runs that are looked at together. */
const LOT = 500;

/**
 * Removes values of wide forks whose run has ended for good, or is gone: whoever ended it died before it removed them, or
 * somebody wrote them for an answer that was refused.
 */
export async function dropValues(scope: OrchestratorScope): Promise<void> {
  const runIds = await scope.backend.values.runs();
  for (let at = 0; at < runIds.length; at += LOT) {
    const lot = runIds.slice(at, at + LOT);
    const goOn = await goingOn(scope, lot);
    for (const runId of lot) if (!goOn.has(runId)) await dropOf(scope, runId);
  }
}

/** Those of the runs that may need their values, by checkpoints that may be old: nothing removes too much for that. */
async function goingOn({ backend }: OrchestratorScope, runIds: readonly string[]) {
  const found = new Set<string>();
  for (let asked = runIds; asked.length > 0; ) {
    const { views, unreadable, rest } = await backend.contexts.getMany(asked);
    for (const { checkpoint } of views)
      if (!isFinal(checkpoint.status)) found.add(checkpoint.runId);
    for (const runId of unreadable) found.add(runId);
    asked = rest;
  }
  return found;
}

async function dropOf({ backend, clock }: OrchestratorScope, runId: string): Promise<void> {
  const after = await unneededAfter(backend, runId);
  if (after === null) return;
  const newest = await backend.values.newestAt(runId);
  if (newest !== null && clock.now() - newest > after) await backend.values.removeRun(runId);
}

/** Milliseconds since their last write after which the run's values are garbage; null where it may need them. */
async function unneededAfter(
  backend: OrchestratorScope["backend"],
  runId: string,
): Promise<number | null> {
  try {
    const view = await backend.contexts.get(runId);
    if (view === null) return GONE_MS;
    return isFinal(view.checkpoint.status) ? ENDED_MS : null;
  } catch (error) {
    if (isFloxideError(error, "validation")) return null;
    throw error;
  }
}
