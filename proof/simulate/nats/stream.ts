import type { Random } from "../random.ts";
import type { SimTime } from "../time.ts";
import type { SimConsumer } from "./consumer.ts";
import { type HeaderMap, matcher } from "./message.ts";
import { Replica, type Stored, type StreamEvent } from "./replica.ts";

// A stream as far as floxide uses one: message ids, compare-and-set by subject, rollups, TTLs, schedules, two messages
// a key. Facts of nats-server 2.15, as the tests of the adapter meet them on a real one.

const DUPLICATE_WINDOW_MS = 30_000;

/** The part of a stream's configuration that changes what it does. */
export interface SimStreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly num_replicas: number;
  readonly max_msgs_per_subject?: number;
  readonly [other: string]: unknown;
}

/** What a stream tells of itself. */
export interface StreamWatcher {
  stored(stream: SimStream, message: Stored): void;
  /** A message of a consumer was acknowledged. */
  acknowledged(): void;
  /** A message of a consumer was not answered in time. */
  overdue(seq: number): void;
}

export class SimStream {
  readonly config: SimStreamConfig;
  readonly leader = new Replica();
  readonly consumers = new Map<string, SimConsumer>();
  readonly #subjects: readonly ((subject: string) => boolean)[];
  readonly #time: SimTime;
  readonly #watcher: StreamWatcher;
  readonly #followers: Replica[];
  readonly #lag: number;
  readonly #events: StreamEvent[] = [];
  #ids = new Map<string, { seq: number; at: number }>();
  lastSeq = 0;

  /** @param lag - how often a replica that is asked is behind, as far as there is something to be behind: 0 to 1 */
  constructor(config: SimStreamConfig, time: SimTime, watcher: StreamWatcher, lag: number) {
    this.config = config;
    this.#lag = lag;
    this.#subjects = config.subjects.map(matcher);
    this.#time = time;
    this.#watcher = watcher;
    this.#followers = Array.from({ length: config.num_replicas - 1 }, () => new Replica());
  }

  get name(): string {
    return this.config.name;
  }

  takes(subject: string): boolean {
    return this.#subjects.some((fits) => fits(subject));
  }

  /** Stores a message, or says why not. @returns the body of the answer */
  publish(subject: string, headers: HeaderMap, body: string): string {
    const id = headers.get("Nats-Msg-Id");
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known !== undefined && this.#time.now - known.at < DUPLICATE_WINDOW_MS) {
      return JSON.stringify({ stream: this.name, seq: known.seq, duplicate: true });
    }
    const expected = headers.get("Nats-Expected-Last-Subject-Sequence");
    if (expected !== undefined) {
      const last = this.#lastOn(
        headers.get("Nats-Expected-Last-Subject-Sequence-Subject"),
        subject,
      );
      if (last !== Number(expected)) return wrongLast(last);
    }
    const seq = this.#store(subject, headers, body);
    if (id !== undefined) this.#ids.set(id, { seq, at: this.#time.now });
    return JSON.stringify({ stream: this.name, seq });
  }

  remove(seq: number): boolean {
    if (!this.leader.messages.has(seq)) return false;
    this.#happens({ type: "remove", seq });
    for (const consumer of this.consumers.values()) consumer.gone(seq);
    return true;
  }

  /** What a direct get is answered from: any replica, and all but the leader may be behind. */
  anyReplica(random: Random): Replica {
    const follower = this.#followers[random.below(this.config.num_replicas)];
    if (follower === undefined) return this.leader;
    const behind = this.#events.length - follower.applied;
    let steps = random.hits(this.#lag) ? random.below(behind + 1) : behind;
    while (steps-- > 0) {
      const event = this.#events[follower.applied];
      if (event !== undefined) follower.apply(event);
    }
    return follower;
  }

  /** A restart: only ids of messages that are still there are known. */
  forgetIds(): void {
    const kept = new Map<string, { seq: number; at: number }>();
    for (const { seq, headers, at } of this.leader.messages.values()) {
      const id = headers.get("Nats-Msg-Id");
      if (id !== undefined) kept.set(id, { seq, at });
    }
    this.#ids = kept;
  }

  #lastOn(pattern: string | undefined, subject: string): number {
    if (pattern === undefined) return this.leader.last(subject)?.seq ?? 0;
    return this.leader.lastOfEach([pattern]).at(-1)?.seq ?? 0;
  }

  #store(subject: string, headers: HeaderMap, body: string): number {
    const replaces = headers.get("Nats-Rollup") === "sub" || headers.has("Nats-Schedule");
    if (replaces) for (const seq of this.leader.on(subject)) this.remove(seq);
    this.lastSeq += 1;
    const seq = this.lastSeq;
    const message = { seq, subject, headers, body, at: this.#time.now };
    this.#happens({ type: "add", message });
    const most = this.config.max_msgs_per_subject ?? -1;
    if (most > 0) {
      for (const old of this.leader.on(subject).slice(0, -most)) this.remove(old);
    }
    this.#plan(message);
    this.#watcher.stored(this, message);
    for (const consumer of this.consumers.values()) consumer.offer();
    return seq;
  }

  /** What the server does with the message by itself later. */
  #plan({ seq, headers, body }: Stored): void {
    const ttl = headers.get("Nats-TTL");
    if (ttl !== undefined) {
      this.#time.at(this.#time.now + Number.parseInt(ttl, 10) * 1_000, () => this.remove(seq));
    }
    const schedule = headers.get("Nats-Schedule");
    const target = headers.get("Nats-Schedule-Target");
    if (schedule === undefined || target === undefined) return;
    const rest = new Map([...headers].filter(([name]) => !name.startsWith("Nats-Schedule")));
    this.#time.at(Date.parse(schedule.slice("@at ".length)), () => {
      if (this.remove(seq)) this.#store(target, rest, body);
    });
  }

  #happens(event: StreamEvent): void {
    if (this.#followers.length > 0) this.#events.push(event);
    this.leader.apply(event);
  }
}

const wrongLast = (last: number): string =>
  JSON.stringify({
    error: { code: 400, err_code: 10071, description: `wrong last sequence: ${last}` },
  });
