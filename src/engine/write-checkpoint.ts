import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { collectedIn } from "../core/checkpoint/wide.ts";
import { isFloxideError } from "../core/errors.ts";
import type { ContextStore, Versioned } from "../core/ports/stores.ts";
import type { Outside } from "./outside.ts";

/** Where a checkpoint goes, and what of it goes elsewhere. */
interface Stores {
  readonly store: ContextStore;
  readonly outside: Outside;
}

/**
 * Writes the revision after `base`; of revision 0 for the first. Large fields of the context are stored once. What joins
 * have collected is kept outside the checkpoint where it is much, or would not fit.
 *
 * @param spare - bytes that the checkpoint must leave free
 * @returns what was written, or null where another revision won
 * @throws FloxideError `payload_too_large`, `backend`
 */
export async function writeCheckpoint(
  { store, outside }: Stores,
  base: Versioned,
  next: Checkpoint,
  spare: number,
): Promise<Versioned | null> {
  const put = (it: Checkpoint) => putCheckpoint(store, base.revision, it, spare);
  const held = outside.keepContext(base.checkpoint, next);
  const checkpoint = held instanceof Promise ? await held : held;
  const much = outside.much(checkpoint);
  const lighter = much.length === 0 ? checkpoint : await outside.keepResults(checkpoint, much);
  try {
    return await put(lighter);
  } catch (error) {
    const left = collectedIn(lighter, 1);
    if (!isFloxideError(error, "payload_too_large") || left.length === 0) throw error;
    return put(await outside.keepResults(lighter, left));
  }
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
