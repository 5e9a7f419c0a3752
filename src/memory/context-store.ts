import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import type {
  AskedCheckpoints,
  CheckpointPage,
  ContextStore,
  Versioned,
} from "../core/ports/stores.ts";
import type { Handle } from "./handle.ts";
import type { Table } from "./table.ts";

/** Checkpoints in memory. Every read sees the newest revision. */
export class MemoryContextStore implements ContextStore {
  readonly #table: Table<Checkpoint>;
  readonly #handle: Handle;

  constructor(table: Table<Checkpoint>, handle: Handle) {
    this.#table = table;
    this.#handle = handle;
  }

  async get(runId: string): Promise<Versioned | null> {
    this.#handle.check();
    const found = this.#table.get(runId);
    return found === null ? null : { checkpoint: found.value, revision: found.revision };
  }

  async create(checkpoint: Checkpoint, spareBytes = 0): Promise<number | null> {
    this.#handle.check();
    return this.#table.create(checkpoint.runId, checkpoint, spareBytes);
  }

  async update(checkpoint: Checkpoint, revision: number, spareBytes = 0): Promise<number | null> {
    this.#handle.check();
    return this.#table.update(checkpoint.runId, checkpoint, revision, spareBytes);
  }

  async page(after: number, limit: number): Promise<CheckpointPage> {
    this.#handle.check();
    const { entries, next } = this.#table.page(after, limit);
    const views: Versioned[] = [];
    const unreadable: string[] = [];
    for (const { key, revision, read } of entries) {
      try {
        views.push({ checkpoint: read(), revision });
      } catch {
        unreadable.push(key);
      }
    }
    return { views, unreadable, next };
  }

  async getMany(runIds: readonly string[]): Promise<AskedCheckpoints> {
    this.#handle.check();
    const views: Versioned[] = [];
    const unreadable: string[] = [];
    for (const runId of runIds) {
      try {
        const found = this.#table.get(runId);
        if (found !== null) views.push({ checkpoint: found.value, revision: found.revision });
      } catch {
        unreadable.push(runId);
      }
    }
    return { views, unreadable, rest: [] };
  }

  async newestRevision(): Promise<number> {
    this.#handle.check();
    return this.#table.revision;
  }

  async remove(runId: string): Promise<void> {
    this.#handle.check();
    this.#table.delete(runId);
  }
}
