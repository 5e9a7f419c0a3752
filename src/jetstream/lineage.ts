import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isMoving } from "../core/checkpoint/inspect.ts";
import { StoredCheckpointSchema } from "../core/checkpoint/stored-form.ts";
import { asPatch, follow } from "../core/checkpoint/stored-patch.ts";
import { type Entry, isMarker, jsonOf, unreadable } from "./kv-table.ts";
import type { StoredMessage } from "./stored-message.ts";

// What a run's checkpoint is made of where it is stored: a whole one, and patches since.

/** A checkpoint, and the messages that it is made of. */
export interface Lineage {
  readonly checkpoint: Checkpoint;
  readonly revision: number;
  /** Revision of the whole one. */
  readonly whole: number;
  readonly wholeBytes: number;
  readonly patches: number;
  readonly patchBytes: number;
}

/** Patches on a small whole one, at most; on a larger one there may be more, until they are as large as it is. */
const FEW_PATCHES = 15;
/** Patches in any case at most: who reads the run reads them all. */
const MOST_PATCHES = 255;
/** What a whole checkpoint may take that its parts did not, in bytes. */
const ALLOWANCE = 1_024;

/** The messages of one run from `whole` on, at most: more than these have not been left by anybody. */
export const MOST_MESSAGES = 2 * MOST_PATCHES;

/** True where what comes next may be a patch, as far as the number of those before it goes. */
export const takesPatch = ({ wholeBytes, patches, patchBytes }: Lineage): boolean =>
  patches < FEW_PATCHES || (patches < MOST_PATCHES && patchBytes < wholeBytes);

/** Bytes that the checkpoint takes where it is written whole, at most, after a patch of so many. */
export const wholeAfter = ({ wholeBytes, patchBytes }: Lineage, bytes: number): number =>
  wholeBytes + patchBytes + bytes + ALLOWANCE;

/** The lineage after a whole checkpoint was written. */
export const wholeAt = (checkpoint: Checkpoint, revision: number, bytes: number): Lineage => ({
  checkpoint,
  revision,
  whole: revision,
  wholeBytes: bytes,
  patches: 0,
  patchBytes: 0,
});

/** The lineage after a patch was written. */
export const patchedAt = (
  before: Lineage,
  checkpoint: Checkpoint,
  revision: number,
  bytes: number,
): Lineage => ({
  ...before,
  checkpoint,
  revision,
  patches: before.patches + 1,
  patchBytes: before.patchBytes + bytes,
});

/** What messages of one key lead to: `broken` where what a patch builds on is not among them. */
export type Led = Lineage | "removed" | "broken";

/**
 * What the messages of one key lead to, in their order.
 *
 * @param from - what is known from before them
 * @throws FloxideError `validation` where one is not what it should be, and no whole one comes after it
 */
export function lead(from: Led, messages: readonly StoredMessage[], toEntry: ToEntry): Led {
  let led = from;
  let failed: unknown;
  for (const message of messages) {
    try {
      led = isMarker(message) ? "removed" : next(led, toEntry(message));
    } catch (error) {
      led = "broken";
      failed ??= error;
    }
    if (led !== "broken") failed = undefined;
  }
  if (failed !== undefined) throw failed;
  return led;
}

/** Makes an entry of a message of the bucket. */
type ToEntry = (message: StoredMessage) => Entry;

function next(before: Led, entry: Entry): Led {
  const what = `the checkpoint "${entry.key}"`;
  const value = jsonOf(entry, what);
  const bytes = Buffer.byteLength(entry.body);
  try {
    const patch = asPatch(value);
    if (patch === null) return wholeAt(parseCheckpoint(value), entry.revision, bytes);
    if (typeof before === "string" || before.whole !== patch.whole) return "broken";
    const checkpoint = follow(before.checkpoint, patch);
    return checkpoint === null ? "broken" : patchedAt(before, checkpoint, entry.revision, bytes);
  } catch (error) {
    throw unreadable(entry, what, error);
  }
}

function parseCheckpoint(value: unknown): Checkpoint {
  const { data, error } = StoredCheckpointSchema.safeParse(value);
  if (data === undefined) throw error;
  return data;
}

/** Runs that are remembered, and bytes of what is stored of them, at most. */
const REMEMBERED = 1_000;
const REMEMBERED_BYTES = 16 * 1_024 * 1_024;

/** What is known of runs that were read or written lately and go on. The run that was remembered first goes first. */
export class Lineages {
  /** Emptied when they go: a map that makes room leads to what it has held (see `Places`). */
  readonly #known = new Map<string, { lineage: Lineage | null }>();
  #bytes = 0;

  get(runId: string): Lineage | undefined {
    return this.#known.get(runId)?.lineage ?? undefined;
  }

  /** Remembers what the run has come to. One that rests, or has ended, will not be patched. */
  set(runId: string, lineage: Lineage): void {
    if (!isMoving(lineage.checkpoint)) {
      this.forget(runId);
      return;
    }
    const known = this.#known.get(runId);
    if (known === undefined) this.#known.set(runId, { lineage });
    else {
      this.#bytes -= sizeOf(known.lineage);
      known.lineage = lineage;
    }
    this.#bytes += sizeOf(lineage);
    if (this.#known.size <= REMEMBERED && this.#bytes <= REMEMBERED_BYTES) return;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED && this.#bytes <= REMEMBERED_BYTES) return;
      this.forget(oldest);
    }
  }

  forget(runId: string): void {
    const known = this.#known.get(runId);
    if (known === undefined) return;
    this.#bytes -= sizeOf(known.lineage);
    known.lineage = null;
    this.#known.delete(runId);
  }
}

const sizeOf = (lineage: Lineage | null): number =>
  lineage === null ? 0 : lineage.wholeBytes + lineage.patchBytes;
