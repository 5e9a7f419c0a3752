import { applyChanges } from "../core/checkpoint/apply.ts";
import type { Change, Outcome } from "../core/checkpoint/change.ts";
import { newId } from "../core/new-id.ts";
import type { Versioned } from "../core/ports/stores.ts";
import { grows, spareBytesOf } from "../engine/spare-bytes.ts";
import { putCheckpoint } from "../engine/write-checkpoint.ts";
import type { WriteScope } from "./scope.ts";

/** A run after a change was tried. */
export interface Changed extends Versioned {
  readonly outcome: Outcome;
  /** False where nothing was written: the run is as it was. */
  readonly changed: boolean;
}

/**
 * Applies a change to the run as it was read, and writes it by one compare-and-set.
 *
 * @param base - revision 0 for a run that has no entry
 * @returns null where another revision won: read again, and judge anew
 */
export async function changeRun(
  { backend, clock, options }: WriteScope,
  base: Versioned,
  change: Change,
): Promise<Changed | null> {
  const { contexts, maxValueBytes } = backend;
  const { checkpoint, outcomes, changed } = applyChanges(base.checkpoint, [change], {
    now: clock.now(),
    by: options.orchestratorId,
    commit: newId(),
    merge: (context) => context,
  });
  const outcome = outcomes[0] ?? { applied: false, refusal: "status" };
  if (!changed) return { ...base, outcome, changed };
  const spare = grows(change) ? spareBytesOf(maxValueBytes) : 0;
  const written = await putCheckpoint(contexts, base.revision, checkpoint, spare);
  return written === null ? null : { ...written, outcome, changed };
}
