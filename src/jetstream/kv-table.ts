import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { sayIssues } from "../core/issues.ts";
import { unwritable } from "../core/json.ts";
import type { JsonPart } from "../core/json-texts.ts";
import type { Link } from "./link.ts";
import { NoAnswer } from "./no-answer.ts";
import { readPubAck } from "./pub-ack.ts";
import { RawHeaders } from "./raw-headers.ts";
import type { Requester } from "./requester.ts";
import type { StoredMessage } from "./stored-message.ts";
import { StreamReader } from "./stream-reader.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// A KV bucket, written so that it survives what nats-server 2.15 does on hard kills. The official KV client reads it.
//
// K1. Every put says `Nats-Rollup: sub`, and the bucket keeps two messages a key. A bucket with history 1 and plain puts
//     drops the older value without a trace on disk: when the newer one is later removed or expires and the server is
//     killed hard, the older one is back. A rollup writes a tombstone. (nats-server issue 8505; it costs a quarter of the
//     throughput of plain puts at depth, nothing at depth 1, and half of it where each write is synced.) In a bucket that
//     keeps all messages nothing is dropped, so a put there may leave the older ones for a later one to take away.
// K2. A removed key leaves a marker that expires, so that watchers see the removal and markers do not pile up.
// K3. A compare-and-set is never decided on a read that may be old.
// K4. Attempts are made once: who calls knows whether repeating is safe.

/** How long the marker of a removed key stays where the call does not say, in seconds. */
const MARKER_TTL_S = 30;
const ROLLUP = "Nats-Rollup: sub\r\n";
const AT = "Nats-Expected-Last-Subject-Sequence: ";
const ROLLUP_AT = ROLLUP + AT;

const plain = new RawHeaders(ROLLUP);
const purge = (ttl: number): string => `KV-Operation: PURGE\r\nNats-TTL: ${ttl}s\r\n`;

/** One value of a bucket. */
export interface Entry {
  readonly key: string;
  readonly body: string;
  readonly revision: number;
  /** When it was written, in milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** The lifetime as the server wants it: whole seconds, one at least. */
export const ttlSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

/** A KV bucket. */
export class KvTable {
  readonly reader: StreamReader;
  readonly #link: Link;
  readonly #requester: Requester;
  readonly #prefix: string;

  /** @param prefix - subject of the bucket up to and including the dot before the key */
  constructor(link: Link, requester: Requester, stream: string, prefix: string) {
    this.#link = link;
    this.#requester = requester;
    this.#prefix = prefix;
    this.reader = new StreamReader(requester, stream);
  }

  /**
   * The value as bytes, checked for its size.
   *
   * @param spareBytes - what it must leave free
   * @param write - makes its JSON
   * @throws FloxideError `payload_too_large`
   */
  encode<T>(value: T, what: string, spareBytes = 0, write: Write<T> = writeJson): Uint8Array {
    return this.#link.encode(toJson(value, what, write), what, spareBytes);
  }

  /** Largest value that can be written, in bytes. */
  get maxValueBytes(): number {
    return this.#link.maxValueBytes;
  }

  /**
   * Writes, whatever is there.
   *
   * @param ttl - seconds to live; 0 for ever
   * @param timeoutMs - for how long an answer is waited for, where that is longer than usual, in milliseconds
   * @returns the revision
   */
  put(key: string, body: Uint8Array, ttl: number, timeoutMs = 0): Promise<number> {
    const headers = ttl === 0 ? plain : new RawHeaders(`${ROLLUP}Nats-TTL: ${ttl}s\r\n`);
    return this.#requester.request(this.#prefix + key, body, headers, readSeq, timeoutMs);
  }

  /**
   * Writes if `revision` is the newest; 0 where there must be none.
   *
   * @param ttl - seconds to live; 0 for ever
   * @param among - `revision` must be the newest of all keys that fit this pattern, instead of the key's own
   * @returns the new revision
   * @throws JetStreamApiError with code 10071 or 10164 where it is not: see {@link isConflict}
   */
  update(
    key: string,
    body: Uint8Array,
    revision: number,
    ttl: number,
    among?: string,
  ): Promise<number> {
    let lines = `${ROLLUP_AT}${revision}\r\n`;
    if (ttl > 0) lines += `Nats-TTL: ${ttl}s\r\n`;
    if (among !== undefined) {
      lines += `Nats-Expected-Last-Subject-Sequence-Subject: ${this.#prefix}${among}\r\n`;
    }
    return this.#requester.request(this.#prefix + key, body, new RawHeaders(lines), readSeq);
  }

  /**
   * As {@link update}, for ever, and older values stay until the next update takes them away. Only where the bucket keeps
   * all messages (K1).
   */
  append(key: string, body: Uint8Array, revision: number): Promise<number> {
    const headers = new RawHeaders(`${AT}${revision}\r\n`);
    return this.#requester.request(this.#prefix + key, body, headers, readSeq);
  }

  /** Removes the key, leaving a marker. @param markerTtl - seconds that it stays */
  async remove(key: string, markerTtl = MARKER_TTL_S): Promise<void> {
    const headers = new RawHeaders(ROLLUP + purge(markerTtl));
    await this.#requester.request(this.#prefix + key, "", headers, readSeq);
  }

  /** Removes the key if `revision` is its newest; else leaves it. @param markerTtl - seconds that the marker stays */
  async removeAt(key: string, revision: number, markerTtl = MARKER_TTL_S): Promise<void> {
    const headers = new RawHeaders(`${ROLLUP_AT}${revision}\r\n${purge(markerTtl)}`);
    try {
      await this.#requester.request(this.#prefix + key, "", headers, readSeq);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  /** What any server has: the newest where there is one replica. */
  async get(key: string): Promise<Entry | null> {
    return this.#toValue(await this.reader.last(this.#prefix + key));
  }

  /** The newest message of the key as the leader has it, which may be a marker. */
  newestFromLeader(key: string): Promise<StoredMessage | null> {
    return this.reader.lastFromLeader(this.#prefix + key);
  }

  /** What the leader has. */
  async getFromLeader(key: string): Promise<Entry | null> {
    return this.#toValue(await this.newestFromLeader(key));
  }

  /** The newest message of each key that fits, markers of removed ones included. */
  newest(pattern: string): Promise<StoredMessage[]> {
    return this.reader.lastOfEach([this.#prefix + pattern]);
  }

  /**
   * As {@link newest}, as the leader has it: one request a key, so only where few can fit.
   *
   * @throws NoAnswer where any of them is written meanwhile
   */
  async newestOfLeader(pattern: string): Promise<StoredMessage[]> {
    const subject = this.#prefix + pattern;
    const last = await this.reader.lastFromLeader(subject);
    if (last === null) return [];
    const messages = await this.reader.missing(subject, []);
    // Read one by one: with a later one among them, one that was written before it may be missing.
    if (messages.some(({ seq }) => seq > last.seq)) throw new NoAnswer("unavailable", subject);
    return messages.sort((a, b) => a.seq - b.seq);
  }

  /** Revision of the removal marker on this key, as the leader has it; 0 where there is none. */
  async markerRevision(key: string): Promise<number> {
    const message = await this.newestFromLeader(key);
    return message !== null && isMarker(message) ? message.seq : 0;
  }

  /** All values whose keys fit, in the order of their last write. @param pattern - may have wildcards */
  async list(pattern: string): Promise<Entry[]> {
    const messages = await this.newest(pattern);
    return messages.filter((message) => !isMarker(message)).map((message) => this.toEntry(message));
  }

  /** As {@link list}, with those that a replica which is behind has not heard of. */
  async listAll(pattern: string): Promise<Entry[]> {
    const messages = await this.newest(pattern);
    const others = await this.reader.missing(this.#prefix + pattern, messages);
    const all = [...messages, ...others].filter((message) => !isMarker(message));
    return all.map((message) => this.toEntry(message));
  }

  /** The subject that fits what the key pattern fits. */
  subject(pattern: string): string {
    return this.#prefix + pattern;
  }

  /** A message of the bucket as an entry. */
  toEntry(message: StoredMessage): Entry {
    return {
      key: message.subject.slice(this.#prefix.length),
      body: message.body,
      revision: message.seq,
      writtenAt: message.storedAt,
    };
  }

  #toValue(message: StoredMessage | null): Entry | null {
    return message === null || isMarker(message) ? null : this.toEntry(message);
  }
}

/** Makes the JSON of a value. */
type Write<T> = (value: T) => JsonPart;

const writeJson = (value: unknown): string => JSON.stringify(value);

/** @throws FloxideError `validation` where it is nested deeper than this process can write */
function toJson<T>(value: T, what: string, write: Write<T>): JsonPart {
  try {
    return write(value);
  } catch (error) {
    throw unwritable(what, error);
  }
}

/** True for what a removed key leaves. */
export function isMarker(message: StoredMessage): boolean {
  if (message.body !== "") return false;
  const headers = message.headers;
  return (
    headers !== undefined && (headers.has("KV-Operation") || headers.has("Nats-Marker-Reason"))
  );
}

/** True where a compare-and-set found another revision. */
export function isConflict(error: unknown): boolean {
  const code = apiCodeOf(error);
  return code === API_CODE.wrongLastSequence || code === API_CODE.wrongLastSequenceUnknown;
}

/** What is stored, parsed. @throws FloxideError `validation` where it is not what it should be */
export function decodeEntry<T>(
  schema: {
    safeParse(value: unknown): { success: true; data: T } | { success: false; error: z.ZodError };
  },
  entry: Entry,
  what: string,
): T {
  const parsed = schema.safeParse(jsonOf(entry, what));
  if (parsed.success) return parsed.data;
  throw unreadable(entry, what, parsed.error);
}

/** The value that the entry is the JSON of. @throws FloxideError `validation` where it is none */
export function jsonOf(entry: Entry, what: string): unknown {
  try {
    return JSON.parse(entry.body);
  } catch (cause) {
    throw unreadable(entry, what, cause);
  }
}

/** As {@link decodeEntry}, without those that are not what they should be: one broken entry must not end a listing. */
export function decodeAll<T>(
  schema: Parameters<typeof decodeEntry<T>>[0],
  entries: readonly Entry[],
): T[] {
  const values: T[] = [];
  for (const entry of entries) {
    try {
      values.push(decodeEntry(schema, entry, "an entry"));
    } catch {
      // Somebody else wrote it, or another release.
    }
  }
  return values;
}

/** The error for an entry that is not what it should be. */
export function unreadable(entry: Entry, what: string, cause: unknown): FloxideError {
  return new FloxideError("validation", `${what} cannot be read: ${sayWhy(cause)}`, {
    cause,
    details: { key: entry.key },
  });
}

function sayWhy(cause: unknown): string {
  if (cause instanceof z.ZodError) return sayIssues(cause.issues).text;
  return cause instanceof TypeError ? cause.message : "it is not JSON";
}

const readSeq = (msg: Parameters<typeof readPubAck>[0]): number => readPubAck(msg).seq;
