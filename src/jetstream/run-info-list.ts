import type { Page, RunFilter } from "../core/ports/stores.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { isMarker, type KvTable } from "./kv-table.ts";
import { fromCursor, newestFirst, type Place, type RunCursor, toCursor } from "./run-cursor.ts";
import { type FiledRun, isBetter, readFiled } from "./run-record.ts";
import type { StreamReader } from "./stream-reader.ts";

// Lists runs newest first without reading all of them, from a bucket whose keys are `<workflow>.<status>.<run>`.
//
// I1. Up to 1,024 keys that fit are read with one request and sorted.
// I2. Of more, the stream is walked backwards from its end in windows that grow. The stream is in the order of last
//     writes, and no run was written before it was created. So when the walk has come to what was written at time T,
//     whatever is left was created before T: it ends when the page is full of runs that were created after T.
//     How far back that is depends on how long runs take and wait, not on how many there are. At worst, where a hundred
//     thousand that were created together end one after the other, all of them are read, in about a dozen reads.
// I3. `createdAt` may come from another clock than the stream's. The largest lead seen so far is allowed for.
// I4. A run may stand under two keys while it moves. The larger revision wins, then the ended one.
// I5. A cursor says how far the listing is, and which part of the stream it has used up: everything between `below` and
//     `top`. The next page walks what was written since, then on from `below`.

const FIRST_WINDOW = 256;
const LARGEST_WINDOW = 16_384;

/** Lists runs of the bucket. */
export async function listRuns(
  table: KvTable,
  filter: RunFilter,
  limit: number,
  cursor: string | null,
): Promise<Page<RunInfo>> {
  const subject = table.subject(`${filter.workflow ?? "*"}.${filter.status ?? "*"}.*`);
  const after = cursor === null ? null : fromCursor(cursor);
  const best = new BestRuns(filter, after, limit);
  const few = await table.reader.lastOfFew([subject]);
  if (few !== null) {
    for (const message of few)
      if (!isMarker(message)) best.offer(readFiled(table.toEntry(message)));
    return best.page({ top: 0, below: 0 });
  }
  const walk = new Walk(table, subject, best);
  const { first, last } = await table.reader.bounds();
  if (after === null || after.top === 0) {
    await walk.down(last, first);
    return best.page({ top: last, below: best.leftBelow(last) ?? walk.reached - 1 });
  }
  await walk.down(last, after.top + 1);
  await walk.down(after.below, first);
  const below = best.leftBelow(after.top) ?? Math.min(after.below, walk.reached - 1);
  return best.page({ top: after.top, below });
}

/** Walks the stream backwards. */
class Walk {
  readonly #table: KvTable;
  readonly #reader: StreamReader;
  readonly #subject: string;
  readonly #best: BestRuns;
  #window: number;
  /** Lowest position read so far. */
  reached = Number.MAX_SAFE_INTEGER;

  constructor(table: KvTable, subject: string, best: BestRuns) {
    this.#table = table;
    this.#reader = table.reader;
    this.#subject = subject;
    this.#best = best;
    this.#window = Math.max(FIRST_WINDOW, 2 * best.limit);
  }

  /** Reads from one position down to another, or until nothing better can come. */
  async down(from: number, to: number): Promise<void> {
    for (let high = from; high >= to && !this.#best.isSettled; ) {
      const low = Math.max(to, high - this.#window + 1);
      await this.#read(low, high);
      this.#best.settle();
      this.reached = Math.min(this.reached, low);
      high = low - 1;
      this.#window = Math.min(2 * this.#window, LARGEST_WINDOW);
    }
  }

  async #read(low: number, high: number): Promise<void> {
    for (let seq = low; seq <= high; ) {
      const { messages, more } = await this.#reader.from(this.#subject, seq, high - seq + 1);
      for (const message of messages) {
        if (message.seq > high) return;
        this.#best.wroteAt(message.storedAt);
        if (!isMarker(message)) this.#best.offer(readFiled(this.#table.toEntry(message)));
      }
      const last = messages.at(-1);
      if (!more || last === undefined) return;
      seq = last.seq + 1;
    }
  }
}

/** Keeps the runs that make the page, and what is known of the others. */
class BestRuns {
  readonly limit: number;
  readonly #filter: { readonly from: number; readonly before: number };
  readonly #after: Place | null;
  #runs = new Map<string, FiledRun>();
  /** Positions of runs that fit and come later than this page. */
  #left: number[] = [];
  #writtenAt = Number.POSITIVE_INFINITY;
  #leadMs = 0;
  /** True when nothing that is left in the stream can be better. */
  isSettled = false;

  constructor(filter: RunFilter, after: Place | null, limit: number) {
    this.limit = limit;
    this.#after = after;
    this.#filter = {
      from: timeOf(filter.createdFrom, Number.NEGATIVE_INFINITY),
      before: timeOf(filter.createdBefore, Number.POSITIVE_INFINITY),
    };
  }

  /** Tells when something was written: whatever is left was written before. */
  wroteAt(ms: number): void {
    this.#writtenAt = Math.min(this.#writtenAt, ms);
  }

  offer(run: FiledRun | null): void {
    if (run === null) return;
    const { info, writtenAt } = run;
    const createdAt = Date.parse(info.createdAt);
    this.#leadMs = Math.max(this.#leadMs, createdAt - writtenAt);
    if (createdAt < this.#filter.from || createdAt >= this.#filter.before) return;
    if (this.#after !== null && newestFirst(info, this.#after) <= 0) return;
    const known = this.#runs.get(info.runId);
    if (known === undefined || isBetter(run, known)) this.#runs.set(info.runId, run);
  }

  /** Lets go of what is not on this page (but for one: there is a next page), and looks whether it can still change. */
  settle(): void {
    const sorted = this.#sorted();
    for (const run of sorted.slice(this.limit + 1)) {
      this.#left.push(run.revision);
      this.#runs.delete(run.info.runId);
    }
    const newestLeft = this.#writtenAt + this.#leadMs;
    const last = sorted[this.limit];
    this.isSettled =
      newestLeft < this.#filter.from ||
      (last !== undefined && Date.parse(last.info.createdAt) > newestLeft);
  }

  /** The highest position, not above `top`, of a run that fits and comes later than this page; null for none. */
  leftBelow(top: number): number | null {
    const next = this.#sorted().slice(this.limit);
    const left = [...this.#left, ...next.map(({ revision }) => revision)];
    return left.reduce<number | null>(
      (highest, seq) => (seq <= top && seq > (highest ?? 0) ? seq : highest),
      null,
    );
  }

  page(part: Pick<RunCursor, "top" | "below">): Page<RunInfo> {
    const sorted = this.#sorted();
    const items = sorted.slice(0, this.limit).map(({ info }) => info);
    const last = items.at(-1);
    if (last === undefined || sorted.length <= this.limit) return { items, cursor: null };
    return { items, cursor: toCursor({ createdAt: last.createdAt, runId: last.runId, ...part }) };
  }

  #sorted(): FiledRun[] {
    return [...this.#runs.values()].sort((a, b) => newestFirst(a.info, b.info));
  }
}

const timeOf = (time: string | undefined, otherwise: number): number =>
  time === undefined ? otherwise : Date.parse(time);
