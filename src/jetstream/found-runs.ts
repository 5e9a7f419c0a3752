import type { RunFilter } from "../core/ports/stores.ts";
import { isMarker, type KvTable } from "./kv-table.ts";
import { type FiledRun, isBetter, readFiled } from "./run-record.ts";
import type { StoredMessage } from "./stored-message.ts";

/** Keeps the runs that a page wants of what is read for it, from the end of the stream down. */
export class FoundRuns {
  readonly #table: KvTable;
  readonly #wanted: number;
  readonly #from: number;
  readonly #before: number;
  readonly #runs = new Map<string, FiledRun>();
  /** Keys whose newest message was read. */
  readonly #seen = new Set<string>();
  #leadMs = 0;
  #isOver = false;

  /** @param wanted - so many runs are enough */
  constructor(table: KvTable, { createdFrom, createdBefore }: RunFilter, wanted: number) {
    this.#table = table;
    this.#wanted = wanted;
    this.#from = createdFrom === undefined ? Number.NEGATIVE_INFINITY : Date.parse(createdFrom);
    this.#before =
      createdBefore === undefined ? Number.POSITIVE_INFINITY : Date.parse(createdBefore);
  }

  /** Takes what lies below all that was taken before. @param messages - in stream order */
  offer(messages: readonly StoredMessage[]): void {
    for (const message of messages.toReversed()) {
      const isOld = this.#seen.has(message.subject);
      this.#seen.add(message.subject);
      const run = isOld || isMarker(message) ? null : readFiled(this.#table.toEntry(message));
      if (run !== null) this.#take(run);
      if (message.storedAt + this.#leadMs < this.#from) this.#isOver = true;
    }
  }

  /** How many runs are still wanted. */
  get missing(): number {
    return Math.max(0, this.#wanted - this.#runs.size);
  }

  /** True when nothing that lies below can be wanted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  newestFirst(): FiledRun[] {
    return [...this.#runs.values()].sort((a, b) => b.revision - a.revision);
  }

  #take(run: FiledRun): void {
    const { runId, createdAt } = run.info;
    const createdMs = Date.parse(createdAt);
    this.#leadMs = Math.max(this.#leadMs, createdMs - run.writtenAt);
    if (createdMs < this.#from || createdMs >= this.#before) return;
    const known = this.#runs.get(runId);
    if (known === undefined || isBetter(run, known)) this.#runs.set(runId, run);
  }
}
