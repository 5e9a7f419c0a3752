import type { Change, Outcome } from "../core/checkpoint/change.ts";
import { refused } from "../core/checkpoint/change.ts";
import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import type { Versioned } from "../core/ports/stores.ts";

/** What became of a change. */
export interface Committed {
  readonly outcome: Outcome;
  /** The run as it stood after the write that decided, or as it was when the change was refused. */
  readonly checkpoint: Checkpoint;
  readonly revision: number;
}

/** A change that waits for its write. */
export interface Waiting {
  readonly change: Change;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

/** All changes came to the same. @returns true: they need no other write */
export function settleAll(
  batch: readonly Waiting[],
  outcome: Outcome,
  known: Versioned | null,
): true {
  for (const { resolve, reject } of batch) {
    if (known === null) {
      reject(new FloxideError("not_found", "the run is gone: its entry was removed"));
    } else {
      resolve({ outcome, ...known });
    }
  }
  return true;
}

/** Each change came to something of its own. @returns true: they need no other write */
export function settleEach(
  batch: readonly Waiting[],
  outcomes: readonly Outcome[],
  known: Versioned,
): true {
  batch.forEach(({ resolve }, i) => {
    resolve({ outcome: outcomes[i] ?? refused("gone"), ...known });
  });
  return true;
}
