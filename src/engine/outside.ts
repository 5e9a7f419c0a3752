import { type Checkpoint, type Item, isTerminal } from "../core/checkpoint/checkpoint.ts";
import type { Routed, Successor } from "../core/checkpoint/routed.ts";
import {
  BranchesSchema,
  branchesKey,
  type Collected,
  collectedIn,
  joined,
  keptKeys,
  newLists,
  ResultsSchema,
  withKept,
  withKeptInputs,
} from "../core/checkpoint/wide.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { Json } from "../core/json.ts";
import { jsonIn, passJson } from "../core/json-texts.ts";
import type { ValueStore } from "../core/ports/stores.ts";
import { Recent } from "../core/recent.ts";

// Values of wide forks outside the checkpoint. Invariants:
// 1. A chunk is stored before the checkpoint that names it is written, under a key that no chunk had before.
// 2. Chunks never change: what was read may be remembered.
// 3. A chunk that nothing names is garbage, and goes with its run at the latest.

/** What is too much for a checkpoint, and kept outside. */
export interface Widths {
  /** Successors, or results of one join, that a checkpoint takes. @default 1000 */
  readonly inline: number;
  /** Successors, or results, in one chunk. @default 500 */
  readonly chunk: number;
  /** Bytes of a context field that is stored once, and not with every step. @default 8192 */
  readonly field: number;
}

export const WIDTHS: Widths = { inline: 1_000, chunk: 500, field: 8_192 };

/** Chunks that are written or read at a time. */
const PARALLEL = 8;
/** Chunks of inputs that are remembered. */
const REMEMBERED = 32;

export class Outside {
  readonly #store: ValueStore;
  readonly #widths: Widths;
  readonly #chunkBytes: number;
  readonly #newKey: () => string;
  readonly #branches = new Recent<string, Promise<readonly Successor[] | null>>(REMEMBERED);

  /**
   * @param maxValueBytes - largest value that the backend keeps: a chunk takes a quarter of it
   * @param newKey - a token that no chunk had before
   */
  constructor(store: ValueStore, maxValueBytes: number, widths: Widths, newKey: () => string) {
    this.#store = store;
    this.#widths = widths;
    this.#chunkBytes = Math.floor(maxValueBytes / 4);
    this.#newKey = newKey;
  }

  /** True where what follows is too much for one checkpoint. */
  isWide({ forks, successors }: Routed): boolean {
    return forks && successors.length > this.#widths.inline;
  }

  /** Stores what follows from a node. @returns what follows, by reference */
  async keepBranches(runId: string, routed: Routed): Promise<Routed> {
    const key = this.#newKey();
    const chunks = this.#split(routed.successors);
    await inParallel(
      chunks.map((chunk, i) => ({ chunk, key: branchesKey(key, i) })),
      PARALLEL,
      ({ chunk, key: at }) => this.#store.put(runId, at, chunk.text),
    );
    chunks.slice(0, 2).forEach(({ values }, i) => {
      this.#branches.set(branchesKey(key, i), Promise.resolve(values));
    });
    return { ...routed, successors: [], rest: { key, chunks: chunks.length } };
  }

  /** What joins have collected, where it is so much that it is to be kept outside. */
  much(checkpoint: Checkpoint): readonly Collected[] {
    return collectedIn(checkpoint, this.#widths.inline + 1);
  }

  /** Stores what joins have collected. @returns the checkpoint with references to it */
  async keepResults(checkpoint: Checkpoint, collected: readonly Collected[]): Promise<Checkpoint> {
    const moves = await inParallel(collected, PARALLEL, async (one) => ({
      ...one,
      keys: await this.#putAll(checkpoint.runId, one.results),
    }));
    return withKept(checkpoint, moves);
  }

  /** Stores values in chunks. @returns the keys of these */
  #putAll(runId: string, values: readonly unknown[]): Promise<string[]> {
    return inParallel(this.#split(values), PARALLEL, async ({ text }) => {
      const key = this.#newKey();
      await this.#store.put(runId, key, text);
      return key;
    });
  }

  /** Stores the lists that new items have got, where they do not fit. @returns the checkpoint with references to them */
  async keepInputs(before: Checkpoint, checkpoint: Checkpoint): Promise<Checkpoint> {
    const moves = await inParallel(newLists(before, checkpoint), PARALLEL, async (one) => ({
      item: one.item,
      keys: await this.#putAll(checkpoint.runId, one.pairs),
    }));
    return moves.length === 0 ? checkpoint : withKeptInputs(checkpoint, moves);
  }

  /**
   * Stores large fields of the context that have not changed since the last write.
   *
   * @returns the checkpoint that names what is kept of its context. One of a run that has ended has it all
   */
  keepContext(before: Checkpoint, checkpoint: Checkpoint): Checkpoint | Promise<Checkpoint> {
    passJson(before.context, checkpoint.context);
    const hasEnded = isTerminal(checkpoint.status);
    const fields = hasEnded ? [] : this.#largeFields(before, checkpoint);
    if (fields.length > 0) return this.#keepFields(before, checkpoint, fields);
    if (before.contextKept === undefined) return checkpoint;
    return withContextKept(checkpoint, stillKept(before, checkpoint));
  }

  async #keepFields(
    before: Checkpoint,
    checkpoint: Checkpoint,
    fields: readonly string[],
  ): Promise<Checkpoint> {
    const { runId, context } = checkpoint;
    const kept = stillKept(before, checkpoint);
    await inParallel(fields, PARALLEL, async (field) => {
      const key = this.#newKey();
      const json = jsonIn(context, field, context[field] ?? null);
      await this.#store.put(runId, key, json);
      kept[field] = [key, Buffer.byteLength(json)];
    });
    return withContextKept(checkpoint, kept);
  }

  #largeFields(before: Checkpoint, { context }: Checkpoint): readonly string[] {
    const found: string[] = [];
    for (const field in context) {
      const value = context[field];
      const isKept = Object.hasOwn(before.contextKept ?? {}, field);
      if (isKept || value === undefined || value !== before.context[field]) continue;
      if (sizeOf(value) >= this.#widths.field) found.push(field);
    }
    return found;
  }

  /** The next branches that the item opens; null where they are gone. */
  async nextBranches(checkpoint: Checkpoint, item: Item): Promise<readonly Successor[] | null> {
    const rest = checkpoint.forks[item.scope?.fork ?? 0]?.rest;
    if (rest === undefined) return null;
    return this.#branchesOf(checkpoint.runId, branchesKey(rest.key, rest.next));
  }

  /** The input of an item of which not all is in the checkpoint; undefined where it is gone. */
  async inputOf(checkpoint: Checkpoint, item: Item): Promise<Json | undefined> {
    const { runId, forks } = checkpoint;
    const { from, kept } = item;
    if (kept !== undefined) {
      const texts = await inParallel(kept, PARALLEL, (key) => this.#store.get(runId, key));
      if (texts.includes(null)) return undefined;
      return joined(
        item,
        texts.map((text) => ResultsSchema.parse(JSON.parse(text ?? ""))),
      );
    }
    const rest = forks[item.scope?.fork ?? 0]?.rest;
    if (from === undefined || rest === undefined) return undefined;
    const [chunk, place] = from;
    const successor = (await this.#branchesOf(runId, branchesKey(rest.key, chunk)))?.[place];
    return successor?.type === "item" ? successor.input : undefined;
  }

  /**
   * Forgets what was stored for a write that lost its compare-and-set. Only what is there now tells whether it really did: where
   * just its answer was lost, somebody may have written since, and names the same values.
   *
   * @param now - the checkpoint as it was read since; null where the run is gone
   */
  dropUnnamed(runId: string, stored: readonly string[], now: Checkpoint | null): Promise<void> {
    const named = now === null ? new Set() : keptKeys(now);
    return this.drop(
      runId,
      stored.filter((key) => !named.has(key)),
    );
  }

  /** Forgets chunks that no checkpoint needs any more. Never rejects: what is left goes with the run. */
  async drop(runId: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    for (const key of keys) this.#branches.delete(key);
    await this.#store.remove(runId, keys).catch(() => {});
  }

  #branchesOf(runId: string, key: string): Promise<readonly Successor[] | null> {
    const known = this.#branches.get(key);
    if (known !== undefined) return known;
    const found = this.#readBranches(runId, key);
    this.#branches.set(key, found);
    found.catch(() => this.#branches.delete(key));
    return found;
  }

  async #readBranches(runId: string, key: string): Promise<readonly Successor[] | null> {
    const text = await this.#store.get(runId, key);
    if (text !== null) return BranchesSchema.parse(JSON.parse(text));
    this.#branches.delete(key);
    return null;
  }

  /** Values in chunks of so many at most, and of so many bytes, with the text of each. */
  #split<T>(values: readonly T[]): { readonly values: readonly T[]; readonly text: string }[] {
    const chunks: { values: readonly T[]; text: string }[] = [];
    const add = (some: readonly T[]): void => {
      const text = JSON.stringify(some);
      if (some.length > 1 && Buffer.byteLength(text) > this.#chunkBytes) {
        const half = Math.ceil(some.length / 2);
        add(some.slice(0, half));
        add(some.slice(half));
      } else chunks.push({ values: some, text });
    };
    for (let at = 0; at < values.length; at += this.#widths.chunk) {
      add(values.slice(at, at + this.#widths.chunk));
    }
    return chunks;
  }
}

type Kept = NonNullable<Checkpoint["contextKept"]>;

/** What is kept of the context and goes on being that. What is lost stays named, and of an ended run nothing else is. */
function stillKept(before: Checkpoint, { context, status }: Checkpoint): Kept {
  const kept: Kept = {};
  for (const [field, entry] of Object.entries(before.contextKept ?? {})) {
    const isLost = context[field] === undefined;
    const isSame = context[field] === before.context[field];
    if (isLost || (isSame && !isTerminal(status))) kept[field] = entry;
  }
  return kept;
}

function withContextKept(checkpoint: Checkpoint, kept: Kept): Checkpoint {
  const { contextKept: _, ...rest } = checkpoint;
  const whole = rest as Checkpoint;
  return Object.keys(kept).length === 0 ? whole : { ...whole, contextKept: kept, outside: true };
}

/** Bytes up to which it costs less to measure a value than to remember what it took. */
const SMALL = 512;
/** Sizes of larger values that were measured. */
const sizes = new WeakMap<object, number>();

/** About how many bytes the value takes. */
function sizeOf(value: Json): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  const rest = leftOf(SMALL, value);
  if (rest >= 0) return SMALL - rest;
  const size = JSON.stringify(value).length;
  sizes.set(value, size);
  return size;
}

/** What is left of so many bytes beside the value, about. Looks no further than until there is nothing. */
function leftOf(bytes: number, value: Json): number {
  if (typeof value === "string") return bytes - value.length;
  if (typeof value !== "object" || value === null) return bytes - 8;
  let rest = bytes;
  for (const [key, inner] of Object.entries(value)) {
    rest = leftOf(rest - key.length - 3, inner);
    if (rest < 0) break;
  }
  return rest;
}
