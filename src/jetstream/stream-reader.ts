import { FloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import { cut } from "../core/issues.ts";
import { streamApi } from "./api-subjects.ts";
import { NoAnswer } from "./no-answer.ts";
import { readApiResponse, unreadable } from "./pub-ack.ts";
import type { Requester } from "./requester.ts";
import {
  fromDirectGet,
  fromMessageGet,
  type MessageGetResponse,
  type StoredMessage,
  statusOf,
} from "./stored-message.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// Reads of a stream without a consumer. The client has these too, but its batch reads keep a subscription for five
// seconds each, and end in an error when they take longer.

/** Messages that are read at a time where all are read. */
export const BATCH = 1_000;

/** Reads under way at a time. */
const WIDTH = 64;

/** Most bytes that one batch read gives: a history may have large chunks. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** A batch of messages in stream order, and how many fit the subject but not the batch. */
export interface Batch {
  readonly messages: readonly StoredMessage[];
  readonly more: boolean;
}

/** Reads messages of one stream by subject or position. */
export class StreamReader {
  readonly #requester: Requester;
  readonly #stream: string;

  constructor(requester: Requester, stream: string) {
    this.#requester = requester;
    this.#stream = stream;
  }

  /** The last message on the subject as any server of the stream has it. On more than one replica it may be old. */
  last(subject: string): Promise<StoredMessage | null> {
    return this.#direct(streamApi.getLast(this.#stream, subject), "");
  }

  /** As {@link last}, of all subjects that fit. It costs the server as much as there are. @param subject - may have wildcards */
  lastThatFits(subject: string): Promise<StoredMessage | null> {
    return this.#direct(
      streamApi.getBatch(this.#stream),
      JSON.stringify({ last_by_subj: subject }),
    );
  }

  /** The last message on the subject, asked of the stream's leader. */
  lastFromLeader(subject: string): Promise<StoredMessage | null> {
    return this.#fromLeader({ last_by_subj: subject });
  }

  /** The first message on the subject from a position on, asked of the stream's leader. */
  nextFromLeader(subject: string, seq: number): Promise<StoredMessage | null> {
    return this.#fromLeader({ seq, next_by_subj: subject });
  }

  /** The message at the position, asked of the stream's leader. */
  at(seq: number): Promise<StoredMessage | null> {
    return this.#fromLeader({ seq });
  }

  /**
   * The last message of each subject that fits, in stream order.
   *
   * One request where they are 1,024 at most. More are read batch by batch.
   *
   * @param subjects - may have wildcards
   */
  async lastOfEach(subjects: readonly string[]): Promise<StoredMessage[]> {
    const few = await this.lastOfFew(subjects);
    if (few !== null) return few;
    const last = new Map<string, StoredMessage>();
    for (const subject of subjects) {
      for await (const batch of this.batches(subject, 1)) {
        for (const message of batch) last.set(message.subject, message);
      }
    }
    return [...last.values()].sort((a, b) => a.seq - b.seq);
  }

  /** As {@link lastOfEach}, but null where more than 1,024 subjects fit. */
  async lastOfFew(subjects: readonly string[]): Promise<StoredMessage[] | null> {
    const found: StoredMessage[] = [];
    const tooMany = await this.#batch({ multi_last: subjects }, found);
    return tooMany ? null : found;
  }

  /**
   * The last messages of these subjects, in stream order, as many as fit into one answer. Where it says that there are
   * more, ask again for the subjects that are not in it.
   *
   * @param subjects - 1,024 at most, without wildcards
   */
  async lastOfThese(subjects: readonly string[]): Promise<Batch> {
    const messages: StoredMessage[] = [];
    // The server takes an empty list for a mistake.
    if (subjects.length === 0) return { messages, more: false };
    await this.#batch({ multi_last: subjects, max_bytes: BATCH_BYTES }, messages);
    return { messages, more: (messages.at(-1)?.pending ?? 0) > 0 };
  }

  /** Subjects that fit and have messages, as the stream's leader knows them. The first hundred thousand of them. */
  async subjects(filter: string): Promise<string[]> {
    const api = streamApi.info(this.#stream);
    const request = JSON.stringify({ subjects_filter: filter });
    const { state } = await this.#requester.request(api, request, undefined, (msg) =>
      readApiResponse<{ state: { subjects?: Record<string, number> } }>(msg),
    );
    return Object.keys(state.subjects ?? {});
  }

  /** What is last on each subject that fits, and that is not among those known, asked of the stream's leader. */
  async missing(filter: string, known: readonly StoredMessage[]): Promise<StoredMessage[]> {
    const seen = new Set(known.map(({ subject }) => subject));
    const others = (await this.subjects(filter)).filter((subject) => !seen.has(subject));
    const found = await inParallel(others, WIDTH, (subject) => this.lastFromLeader(subject));
    return found.filter((message) => message !== null);
  }

  /** Positions of the first and the last message of the stream; the first is one beyond the last where it is empty. */
  async bounds(): Promise<{ first: number; last: number }> {
    const api = streamApi.info(this.#stream);
    const { state } = await this.#requester.request(api, "", undefined, (msg) =>
      readApiResponse<{ state?: { first_seq: number; last_seq: number } }>(msg),
    );
    const [first, last] = [state?.first_seq, state?.last_seq];
    if (!Number.isSafeInteger(first) || first === undefined || last === undefined)
      throw unreadable("a look at a stream");
    if (!Number.isSafeInteger(last)) throw unreadable("a look at a stream");
    return { first, last };
  }

  /**
   * All messages that fit the subject from a position on, in stream order, batch by batch.
   *
   * @param to - the last position that is wanted. What lies above may be given too
   */
  async *batches(
    subject: string,
    from: number,
    to = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<readonly StoredMessage[]> {
    for (let seq = from; seq <= to; ) {
      const batch = await this.from(subject, seq, Math.min(BATCH, to - seq + 1));
      if (batch.messages.length > 0) yield batch.messages;
      const last = batch.messages.at(-1);
      if (!batch.more || last === undefined) return;
      seq = last.seq + 1;
    }
  }

  /** The first messages that fit the subject, from a position on. */
  async from(subject: string, seq: number, count: number): Promise<Batch> {
    const messages: StoredMessage[] = [];
    const request = { seq, next_by_subj: subject, batch: count, max_bytes: BATCH_BYTES };
    await this.#batch(request, messages);
    return { messages, more: (messages.at(-1)?.pending ?? 0) > 0 };
  }

  /** @returns true where the server refuses because too many subjects fit */
  async #batch(request: object, into: StoredMessage[]): Promise<boolean> {
    const api = streamApi.getBatch(this.#stream);
    let tooMany = false;
    await this.#requester.collect(
      api,
      JSON.stringify(request),
      (msg) => {
        const status = statusOf(msg);
        const { code } = status;
        if (code === 0) {
          into.push(fromDirectGet(msg));
          return false;
        }
        tooMany = code === 413;
        if (code !== 204 && code !== 404 && code !== 413) throw statusError(api, status);
        return true;
      },
      { onTimeout: "fail" },
    );
    return tooMany;
  }

  #direct(api: string, request: string): Promise<StoredMessage | null> {
    return this.#requester.request(api, request, undefined, (msg) => {
      const status = statusOf(msg);
      if (status.code === 404) return null;
      if (status.code >= 300) throw statusError(api, status);
      return fromDirectGet(msg);
    });
  }

  async #fromLeader(request: object): Promise<StoredMessage | null> {
    const api = streamApi.getMessage(this.#stream);
    try {
      return await this.#requester.request(api, JSON.stringify(request), undefined, (msg) =>
        fromMessageGet(readApiResponse<MessageGetResponse>(msg)),
      );
    } catch (error) {
      if (apiCodeOf(error) === API_CODE.messageNotFound) return null;
      throw error;
    }
  }
}

function statusError(subject: string, { code, description }: ReturnType<typeof statusOf>): Error {
  if (code === 408 || code === 503) return new NoAnswer("unavailable", subject);
  return new FloxideError("backend", `${subject} answers ${code} ${cut(description, 100)}`);
}
