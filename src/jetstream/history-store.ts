import { z } from "zod";
import { jsonOrNull } from "../core/json.ts";
import type { HistoryStore } from "../core/ports/stores.ts";
import { Recent } from "../core/recent.ts";
import { type HistoryEvent, HistoryEventSchema } from "../core/records/history-event.ts";
import { toToken } from "../core/token.ts";
import type { Link } from "./link.ts";
import type { Names } from "./names.ts";
import type { Persistence } from "./persist.ts";
import { readPubAck } from "./pub-ack.ts";
import { RawHeaders } from "./raw-headers.ts";
import type { Requester } from "./requester.ts";
import type { StoredMessage } from "./stored-message.ts";
import { StreamReader } from "./stream-reader.ts";

// H1. One message holds a chunk of events of one run, as a JSON array. The same events may be in several chunks, and
//     chunks may be out of order: an event's number says which it is.
// H2. A listing reads chunks until it has all numbers that it wants, without a gap; where there is a gap, to the end.

const ChunkSchema = z.array(HistoryEventSchema);
/** How many listings are remembered, so that their next page does not read from the beginning. */
const REMEMBERED = 256;

/** Events of runs in a stream. */
export class JetStreamHistoryStore implements HistoryStore {
  readonly #link: Link;
  readonly #requester: Requester;
  readonly #persistence: Persistence;
  readonly #names: Names;
  readonly #reader: StreamReader;
  /** By subject and number: no message before this position has an event with a larger number. */
  readonly #positions = new Recent<string, number>(REMEMBERED);

  constructor(link: Link, requester: Requester, persistence: Persistence, names: Names) {
    this.#link = link;
    this.#requester = requester;
    this.#persistence = persistence;
    this.#names = names;
    this.#reader = new StreamReader(requester, names.historyStream);
  }

  async append(workflow: string, runId: string, events: readonly HistoryEvent[]): Promise<void> {
    const [first, last] = [events[0], events.at(-1)];
    if (first === undefined || last === undefined) return;
    const body = Buffer.from(JSON.stringify(events));
    if (body.length > this.#link.maxValueBytes && events.length > 1) {
      const half = Math.ceil(events.length / 2);
      await this.append(workflow, runId, events.slice(0, half));
      await this.append(workflow, runId, events.slice(half));
      return;
    }
    this.#link.checkSize(body.length, `event ${first.number} of run "${runId}"`);
    const subject = this.#names.history(workflow, runId);
    const headers = new RawHeaders(
      `Nats-Msg-Id: ${toToken(runId)}.${first.number}-${last.number}\r\n`,
    );
    await this.#persistence.run(`writing the history of run "${runId}"`, () =>
      this.#requester.request(subject, body, headers, readPubAck),
    );
  }

  list(
    workflow: string,
    runId: string,
    after: number,
    limit: number,
  ): Promise<readonly HistoryEvent[]> {
    const subject = this.#names.history(workflow, runId);
    return this.#persistence.run(`reading the history of run "${runId}"`, () =>
      this.#list(subject, after, limit),
    );
  }

  async #list(subject: string, after: number, limit: number): Promise<readonly HistoryEvent[]> {
    const found = new Map<number, HistoryEvent>();
    const chunks: { seq: number; last: number }[] = [];
    const from = this.#positions.get(`${subject} ${after}`) ?? 1;
    for await (const messages of this.#reader.batches(subject, from)) {
      for (const message of messages) {
        const events = readChunk(message);
        chunks.push({ seq: message.seq, last: events.reduce(highest, 0) });
        for (const event of events) if (event.number > after) found.set(event.number, event);
      }
      if (hasAll(found, after, limit)) break;
    }
    const listed = [...found.values()].sort((a, b) => a.number - b.number).slice(0, limit);
    this.#remember(subject, listed.at(-1)?.number ?? after, chunks, from);
    return listed;
  }

  #remember(
    subject: string,
    number: number,
    chunks: readonly { seq: number; last: number }[],
    from: number,
  ): void {
    const next = chunks.find(({ last }) => last > number);
    const position = next?.seq ?? (chunks.at(-1)?.seq ?? from - 1) + 1;
    this.#positions.set(`${subject} ${number}`, position);
  }
}

/** True where all numbers that are wanted are there. */
function hasAll(found: ReadonlyMap<number, HistoryEvent>, after: number, limit: number): boolean {
  if (found.size < limit) return false;
  for (let number = after + 1; number <= after + limit; number++) {
    if (!found.has(number)) return false;
  }
  return true;
}

/** The events of a chunk; none where it is not one: one that somebody else wrote must not end a listing. */
function readChunk(message: StoredMessage): readonly HistoryEvent[] {
  const parsed = ChunkSchema.safeParse(jsonOrNull(message.body));
  return parsed.success ? parsed.data : [];
}

const highest = (most: number, { number }: HistoryEvent): number => Math.max(most, number);
