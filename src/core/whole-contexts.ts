import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { isTerminal } from "./checkpoint/checkpoint.ts";
import { lostFields, withOwnContext } from "./checkpoint/wide.ts";
import { inParallel } from "./in-parallel.ts";
import type { Json } from "./json.ts";
import type {
  AskedCheckpoints,
  CheckpointPage,
  ContextStore,
  ValueStore,
  Versioned,
} from "./ports/stores.ts";
import { Recent } from "./recent.ts";

// Checkpoints whose large context fields are stored once, and not with every step. Invariants:
// 1. Who reads a checkpoint gets the whole context, and who writes one gives it. What is lost of it is named by `lostFields`,
//    in whatever is written too, so that the run fails of it and does not go on without.
// 2. A checkpoint with all of its context is no larger than one value may be: so that it can end whole, when its values go.
// 3. Values never change: what was read may be remembered. One that is missing has been replaced since: the checkpoint
//    is read again.

/** Values that are remembered. */
const REMEMBERED = 32;
/** Checkpoints of a page that are made whole at a time. */
const WIDTH = 8;

/** A store of checkpoints, and one of values beside it. */
export class WholeContexts implements ContextStore {
  readonly #inner: ContextStore;
  readonly #values: ValueStore;
  readonly #remembered = new Recent<string, Json>(REMEMBERED);

  constructor(inner: ContextStore, values: ValueStore) {
    this.#inner = inner;
    this.#values = values;
  }

  async get(runId: string, atLeast?: number): Promise<Versioned | null> {
    for (let seen = 0; ; ) {
      const read = await this.#inner.get(runId, Math.max(seen, atLeast ?? 0));
      if (read?.checkpoint.contextKept === undefined) return read;
      // A value that is not there may have been replaced: only where the checkpoint stays as it is, it is waited for.
      const isLast = isTerminal(read.checkpoint.status) || read.revision <= seen;
      const isWanted = isLast && !isTerminal(read.checkpoint.status);
      const whole = await this.#whole(read, isWanted);
      if (isLast || lostFields(whole.checkpoint).length === 0) return whole;
      seen = read.revision;
    }
  }

  create(checkpoint: Checkpoint, spareBytes = 0): Promise<number | null> {
    const { stored, bytes } = split(checkpoint);
    return this.#inner.create(stored, spareBytes + bytes);
  }

  update(checkpoint: Checkpoint, revision: number, spareBytes = 0): Promise<number | null> {
    const { stored, bytes } = split(checkpoint);
    return this.#inner.update(stored, revision, spareBytes + bytes);
  }

  async page(after: number, limit: number): Promise<CheckpointPage> {
    const page = await this.#inner.page(after, limit);
    const views = await inParallel(page.views, WIDTH, async (view) => {
      // A replica that is behind shows checkpoints whose values have gone long ago.
      const whole = await this.#whole(view, false);
      return lostFields(whole.checkpoint).length === 0 ? whole : this.get(view.checkpoint.runId);
    });
    return { ...page, views: views.filter((view) => view !== null) };
  }

  /** Without what is kept elsewhere of their contexts. */
  getMany(runIds: readonly string[]): Promise<AskedCheckpoints> {
    return this.#inner.getMany(runIds);
  }

  newestRevision(atLeast?: number): Promise<number> {
    return this.#inner.newestRevision(atLeast);
  }

  remove(runId: string): Promise<void> {
    return this.#inner.remove(runId);
  }

  /** The checkpoint with all of its context that is stored. */
  async #whole({ checkpoint, revision }: Versioned, isWanted: boolean): Promise<Versioned> {
    if (checkpoint.contextKept === undefined) return { checkpoint, revision };
    const context = { ...checkpoint.context };
    const fields = Object.entries(checkpoint.contextKept);
    await inParallel(fields, WIDTH, async ([field, [key]]) => {
      const value = await this.#value(checkpoint.runId, key, isWanted);
      if (value !== undefined) context[field] = value;
    });
    return { checkpoint: { ...checkpoint, context }, revision };
  }

  async #value(runId: string, key: string, isKnown: boolean): Promise<Json | undefined> {
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const text = await this.#values.get(runId, key, isKnown);
    if (text === null) return undefined;
    const value = JSON.parse(text) as Json;
    this.#remembered.set(key, value);
    return value;
  }
}

/** The checkpoint as it is stored, and how many bytes of it are stored elsewhere. */
function split(checkpoint: Checkpoint): { readonly stored: Checkpoint; readonly bytes: number } {
  const { contextKept } = checkpoint;
  if (contextKept === undefined) return { stored: checkpoint, bytes: 0 };
  if (isTerminal(checkpoint.status)) return { stored: withOwnContext(checkpoint), bytes: 0 };
  const own = Object.entries(checkpoint.context).filter(
    ([field]) => !Object.hasOwn(contextKept, field),
  );
  const context = Object.fromEntries(own);
  const bytes = Object.values(contextKept).reduce((sum, [, size]) => sum + size, 0);
  return { stored: { ...checkpoint, context }, bytes };
}
