import type { Page, RunFilter } from "../core/ports/stores.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { fromCursor, toCursor } from "../core/run-cursor.ts";
import { FoundRuns } from "./found-runs.ts";
import type { KvTable } from "./kv-table.ts";
import type { StoredMessage } from "./stored-message.ts";
import type { Batch, StreamReader } from "./stream-reader.ts";

// Lists runs from a bucket whose keys are `<workflow>.<status>.<run>`, in the order of the stream, last write first: by
// when each came to its status. So a page is the last messages that fit, and a cursor is one position.
//
// I1. The server reads forwards only. So windows of the stream are read, from its end down. Before one is read, looks at
//     one message each choose it: such a look says how many messages follow that fit. What a page costs does not depend on
//     what lies below it.
// I2. These numbers may be old by the time that they are used. They choose windows, and never say what is in one.
// I3. Where the first look finds nothing that fits, the server is asked how much there is in all, and at the same time where it
//     ends. Both cost it as much as there is that fits, so they are not the first question. What it says chooses the next
//     window without a look, where that cannot hold far too much: low in the stream the server counts message by message
//     for each look.
// I4. What a page reads is bounded (see the constants). Where a bound is met it is short, or empty, with a cursor.
// I5. No run is written before it is created: with `createdFrom` the walk ends at what was written before. `createdAt` may
//     come from another clock than the stream's: the largest lead seen so far is allowed for.
// I6. A run may stand under two keys while it moves. On one page the larger revision wins, then the ended one. One that
//     moves between two pages may be on both, or, where it moved up, on none.

/** Positions of the first window for each run that is wanted: one that has ended leaves one message, and some gaps. */
const FIRST_SPAN = 4;
/** A window is to hold as many messages as are wanted, and so many times as many at most. */
const ROOM = 1.5;
const LEAST_ROOM = 32;
const MOST_WANTED = 1_500;
/** So many times as many messages as runs are wanted at most, after a window that held few runs. */
const GROWTH = 8;

/** Most that one page reads, but for what its last window holds. */
const MOST_MESSAGES = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_READS = 100;

/** Lists runs of the bucket. */
export async function listRuns(
  table: KvTable,
  filter: RunFilter,
  limit: number,
  cursor: string | null,
): Promise<Page<RunInfo>> {
  const below = cursor === null ? null : fromCursor(cursor);
  const { first, last } = await table.reader.bounds();
  // One more than fits: then there is another page.
  const found = new FoundRuns(table, filter, limit + 1);
  const walk = new Walk(table.reader, subjectOf(table, filter), found, first);
  const rest = below === null ? await walk.down(last) : await walk.goOn(Math.min(below - 1, last));
  const runs = found.newestFirst();
  const next = runs.length > limit ? runs[limit - 1]?.revision : rest;
  return {
    items: runs.slice(0, limit).map(({ info }) => info),
    cursor: next == null ? null : toCursor(next),
  };
}

/** What is asked for. All of the stream has a name that costs the server nothing to match. */
function subjectOf(table: KvTable, { workflow, status }: RunFilter): string {
  if (workflow === undefined && status === undefined) return ">";
  return table.subject(`${workflow ?? "*"}.${status ?? "*"}.*`);
}

/** Walks the stream down. */
class Walk {
  readonly #reader: StreamReader;
  readonly #subject: string;
  readonly #found: FoundRuns;
  readonly #first: number;
  /** Messages that are wanted for each run, as the last window was. */
  #each = 1;
  #span: number;
  /** How many messages fit above what is still to be read. */
  #above = 0;
  #isAtEnd = true;
  /** The next window, where it is known without a look. */
  #chosen: Cut | null = null;
  #messages = 0;
  #bytes = 0;
  #reads = 0;

  constructor(reader: StreamReader, subject: string, found: FoundRuns, first: number) {
    this.#reader = reader;
    this.#subject = subject;
    this.#found = found;
    this.#first = first;
    this.#span = FIRST_SPAN * found.missing;
  }

  /** As {@link down}, where something lies above. */
  async goOn(from: number): Promise<number | null> {
    const { messages } = await this.#ask(from + 1, 1);
    this.#above = following(messages[0]);
    this.#isAtEnd = this.#above === 0;
    return this.down(from);
  }

  /** Reads from a position down. @returns the position below which the rest lies, or null where nothing is left */
  async down(from: number): Promise<number | null> {
    let high = from;
    while (high >= this.#first && !this.#found.isOver) {
      if (this.#found.missing === 0 || this.#isSpent) return high + 1;
      const chosen = this.#chosen;
      this.#chosen = null;
      const { low, count } = chosen ?? (await this.#cut(high));
      const held = count === 0 ? [] : await this.#read(low, high, count);
      const before = this.#found.missing;
      this.#found.offer(held);
      const each = held.length / (before - this.#found.missing);
      if (held.length > 0) {
        this.#each = Math.min(each, GROWTH * this.#each);
        this.#span = high - low + 1;
      }
      high = low - 1;
    }
    return null;
  }

  /** Chooses a window that ends at the position, and says about how many messages it holds. */
  async #cut(high: number): Promise<Cut> {
    const { target, room } = this.#size;
    let few: Cut = { low: high + 1, count: 0 };
    let many: Cut | null = null;
    let span = this.#span;
    for (let looks = 0; ; looks++) {
      const low = Math.max(this.#first, high - span + 1);
      const count = await this.#count(low, high);
      if (count === 0 && this.#isAtEnd) return this.#gap(high);
      if (count > room) many = { low, count };
      else if (count >= target || low === this.#first) return { low, count };
      const gained = count - few.count;
      if (count <= room) few = { low, count };
      if (many === null) {
        span = (high - low + 1) * wider(target, count, gained);
        continue;
      }
      const between = few.low - many.low;
      if (between <= room - few.count) return { low: many.low, count: few.count + between };
      span = high + 1 - (few.low - step(target, few, many, looks));
    }
  }

  /** How many messages the next window is to hold, and at most. */
  get #size(): { readonly target: number; readonly room: number } {
    const target = Math.min(MOST_WANTED, Math.ceil(this.#each * this.#found.missing));
    return { target, room: Math.max(LEAST_ROOM, Math.ceil(ROOM * target)) };
  }

  /** All there is where that is little; else the window above the last message that fits. */
  async #gap(high: number): Promise<Cut> {
    this.#isAtEnd = false;
    const { target, room } = this.#size;
    const [{ messages }, newest] = await Promise.all([
      this.#ask(this.#first, 1),
      this.#reader.lastThatFits(this.#subject),
    ]);
    const [oldest] = messages;
    const count = following(oldest);
    if (count <= room) return { low: this.#first, count };
    if (oldest === undefined || newest === null) return { low: this.#first, count: 0 };
    const last = Math.min(newest.seq, high);
    this.#choose(last, (last - oldest.seq + 1) / count, Math.min(count, target));
    return { low: last + 1, count: 0 };
  }

  /** Chooses a window, as if the messages lay evenly. */
  #choose(high: number, apart: number, target: number): void {
    const count = Math.ceil(1.2 * target);
    this.#span = Math.ceil(apart * count);
    const low = Math.max(this.#first, high - this.#span + 1);
    if (high - low < FIRST_SPAN * target) this.#chosen = { low, count };
  }

  /** About how many messages a window holds; 0 only where it holds none. */
  async #count(low: number, high: number): Promise<number> {
    const { messages } = await this.#ask(low, 1);
    const next = messages[0];
    if (next === undefined || next.seq > high) return 0;
    return Math.max(1, following(next) - this.#above);
  }

  /** All messages of a window. */
  async #read(low: number, high: number, count: number): Promise<readonly StoredMessage[]> {
    const held: StoredMessage[] = [];
    for (let seq = low, isFirst = true; ; isFirst = false) {
      // Where something lies above, one more than it seems to hold: only that shows that nothing is left.
      const { messages, more } = await this.#ask(seq, this.#above === 0 ? count : count + 1);
      if (isFirst) this.#above = following(messages[0]);
      held.push(...messages.filter((message) => message.seq <= high));
      const last = messages.at(-1);
      if (!more || last === undefined || last.seq >= high) return held;
      seq = last.seq + 1;
    }
  }

  async #ask(seq: number, count: number): Promise<Batch> {
    const batch = await this.#reader.from(this.#subject, seq, count);
    this.#reads++;
    this.#messages += batch.messages.length;
    for (const { body } of batch.messages) this.#bytes += body.length;
    return batch;
  }

  get #isSpent(): boolean {
    return (
      this.#messages >= MOST_MESSAGES || this.#bytes >= MOST_BYTES || this.#reads >= MOST_READS
    );
  }
}

/** A window, by where it begins, and about how many messages it holds. */
interface Cut {
  readonly low: number;
  readonly count: number;
}

/** How many messages fit from this one on. */
const following = (message: StoredMessage | undefined): number =>
  message === undefined ? 0 : message.pending + 1;

/** How many times as wide a window must be that holds too few messages. */
function wider(target: number, count: number, gained: number): number {
  if (gained <= 0) return 8;
  return Math.min(64, Math.ceil((1.2 * target) / count));
}

/** How far below the window with too few messages to look for one with enough: as if they lay evenly, later half-way. */
function step(target: number, few: Cut, many: Cut, looks: number): number {
  const between = few.low - many.low;
  const share = looks < 4 ? (1.2 * target - few.count) / (many.count - few.count) : 0.5;
  return Math.min(between - 1, Math.max(1, Math.round(between * share)));
}
