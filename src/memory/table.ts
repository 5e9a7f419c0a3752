import type { z } from "zod";
import type { Clock } from "../core/clock.ts";
import type { Agenda } from "./agenda.ts";
import { read, write } from "./text.ts";

/** What a table is of. */
export interface TableOptions<T> {
  /** Names an entry in errors, such as `the checkpoint of run`. */
  readonly what: string;
  readonly schema: Pick<z.ZodType<T>, "safeParse">;
  /** How it is written. @default as JSON */
  readonly toText?: (value: T) => string;
  readonly clock: Clock;
  readonly agenda: Agenda;
  readonly maxValueBytes: number;
  /** Milliseconds that the value stays after it was written; null for ever. */
  readonly ttlMs: (value: T) => number | null;
}

interface Entry {
  readonly text: string;
  readonly revision: number;
}

/** Some entries of a table. */
interface TablePage<T> {
  readonly entries: readonly {
    readonly key: string;
    readonly revision: number;
    /** @throws FloxideError `validation` */
    readonly read: () => T;
  }[];
  /** Where the next page begins; null on the last. */
  readonly next: number | null;
}

/** A key-value bucket: values are text, revisions only go up, some entries go by themselves. */
export class Table<T> {
  readonly #options: TableOptions<T>;
  readonly #entries = new Map<string, Entry>();
  #revision = 0;

  constructor(options: TableOptions<T>) {
    this.#options = options;
  }

  get(key: string): { readonly value: T; readonly revision: number } | null {
    this.#options.agenda.settle();
    const entry = this.#entries.get(key);
    return entry === undefined ? null : { value: this.#read(key, entry), revision: entry.revision };
  }

  /** Each value whose key begins so, in no order that means anything. */
  *values(prefix = ""): Generator<T> {
    this.#options.agenda.settle();
    for (const [key, entry] of this.#entries) {
      if (key.startsWith(prefix)) yield this.#read(key, entry);
    }
  }

  /** Entries in the order of their revisions. @param after - only those with a larger one */
  page(after: number, limit: number): TablePage<T> {
    this.#options.agenda.settle();
    const left = [...this.#entries]
      .filter(([, { revision }]) => revision > after)
      .sort(([, a], [, b]) => a.revision - b.revision);
    const entries = left.slice(0, limit).map(([key, entry]) => ({
      key,
      revision: entry.revision,
      read: () => this.#read(key, entry),
    }));
    return { entries, next: left.length > limit ? (entries.at(-1)?.revision ?? null) : null };
  }

  /** The largest revision of all. */
  get revision(): number {
    return this.#revision;
  }

  /** @returns the revision, or null where there is an entry */
  create(key: string, value: T, spareBytes = 0): number | null {
    this.#options.agenda.settle();
    return this.#entries.has(key) ? null : this.put(key, value, spareBytes);
  }

  /** @returns the new revision, or null where `revision` is not the newest */
  update(key: string, value: T, revision: number, spareBytes = 0): number | null {
    this.#options.agenda.settle();
    return this.#entries.get(key)?.revision === revision ? this.put(key, value, spareBytes) : null;
  }

  /** @param spareBytes - what the value must leave free. @returns the new revision */
  put(key: string, value: T, spareBytes = 0): number {
    const { clock, agenda, maxValueBytes, ttlMs, what, toText } = this.#options;
    const text = write(value, maxValueBytes - spareBytes, `${what} "${key}"`, toText);
    this.#revision += 1;
    const revision = this.#revision;
    this.#entries.set(key, { text, revision });
    const ttl = ttlMs(value);
    if (ttl !== null) agenda.at(clock.now() + ttl, () => this.#expire(key, revision));
    return revision;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #expire(key: string, revision: number): void {
    if (this.#entries.get(key)?.revision === revision) this.#entries.delete(key);
  }

  #read(key: string, entry: Entry): T {
    return read(this.#options.schema, entry.text, `${this.#options.what} "${key}"`);
  }
}
