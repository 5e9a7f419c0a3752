import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { collectedIn, keptKeys } from "../core/checkpoint/wide.ts";
import { isFloxideError } from "../core/errors.ts";
import type { ContextStore, Versioned } from "../core/ports/stores.ts";
import type { Outside } from "./outside.ts";

/** What became of a write. */
export interface Written {
  /** Null where another revision won. This one may have been there before it all the same, its answer lost. */
  readonly written: Versioned | null;
  /** Keys of values that were stored for a write that lost. */
  readonly stored: readonly string[];
}

/** Where a checkpoint goes, and what of it goes elsewhere. */
interface Stores {
  readonly store: ContextStore;
  readonly outside: Outside;
}

/**
 * Writes the revision after `base`; of revision 0 for the first. Large fields of the context are stored once. What joins
 * have collected is kept outside the checkpoint where it is much, or would not fit; and so are lists that new items get,
 * where they do not fit.
 *
 * @param spare - bytes that the checkpoint must leave free
 * @throws FloxideError `payload_too_large`, `backend`
 */
export async function writeCheckpoint(
  { store, outside }: Stores,
  base: Versioned,
  next: Checkpoint,
  spare: number,
): Promise<Written> {
  const { checkpoint: before } = base;
  const put = async (it: Checkpoint): Promise<Written> => {
    const written = await putCheckpoint(store, base.revision, it, spare);
    return { written, stored: written === null ? newKeys(before, it) : [] };
  };
  const held = outside.keepContext(before, next);
  const checkpoint = held instanceof Promise ? await held : held;
  const much = outside.much(checkpoint);
  const lighter = much.length === 0 ? checkpoint : await outside.keepResults(checkpoint, much);
  try {
    return await put(lighter);
  } catch (error) {
    if (!isFloxideError(error, "payload_too_large")) throw error;
    const left = collectedIn(lighter, 1);
    const bare = left.length === 0 ? lighter : await outside.keepResults(lighter, left);
    const least = await outside.keepInputs(before, bare);
    const written = least === lighter ? Promise.reject(error) : put(least);
    return written.catch((cause: unknown) => {
      // Nothing was sent, so nothing will ever name what was stored for it.
      if (isFloxideError(cause, "payload_too_large"))
        void outside.drop(next.runId, newKeys(before, least));
      throw cause;
    });
  }
}

function newKeys(before: Checkpoint, after: Checkpoint): readonly string[] {
  if (after.outside !== true) return [];
  const known = keptKeys(before);
  return [...keptKeys(after)].filter((key) => !known.has(key));
}

/**
 * Writes the revision after this one; after 0 the first.
 *
 * @param spare - bytes that the checkpoint must leave free
 * @returns what was written, or null where another revision won
 */
export async function putCheckpoint(
  store: ContextStore,
  after: number,
  checkpoint: Checkpoint,
  spare: number,
): Promise<Versioned | null> {
  const revision = await (after === 0
    ? store.create(checkpoint, spare)
    : store.update(checkpoint, after, spare));
  return revision === null ? null : { checkpoint, revision };
}
