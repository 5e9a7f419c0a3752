import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { isMoving } from "../core/checkpoint/inspect.ts";
import { StoredCheckpointSchema, toStoredJson } from "../core/checkpoint/stored-form.ts";
import type { Clock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type {
  AskedCheckpoints,
  CheckpointPage,
  ContextStore,
  Versioned,
} from "../core/ports/stores.ts";
import { fromToken, toToken } from "../core/token.ts";
import {
  decodeEntry,
  type Entry,
  isConflict,
  isMarker,
  type KvTable,
  ttlSeconds,
} from "./kv-table.ts";
import { NoAnswer } from "./no-answer.ts";
import { type Belief, OldLeader } from "./old-leader.ts";
import type { Persistence } from "./persist.ts";
import type { StoredMessage } from "./stored-message.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// C1. A write is one message with the revision it follows. Its answer decides, where there is one.
// C2. A write without an answer is settled by reading the leader: the `commit` of what is stored tells whose it is. It is
//     written again only when the stored revision is still the one it follows.
// C3. A read sees every write that was acknowledged before it began.
// C4. From the second attempt on "wrong last sequence" is no answer either: it may be the first attempt that came late.
// C5. Most writes of a run that moves leave the one before where it is: taking it away costs the server as much again, more
//     where each write is synced. The next write that ends the run, or lets it rest, takes all of them away, and so does
//     one in sixteen. Whoever reads in the order of the stream passes over those that are not the newest.
// C6. A checkpoint of a run that goes on never expires; that of an ended run expires after the retention. A resumed run's
//     write takes the expiry away with the value that had it.

/** Larger checkpoints leave none behind, in bytes. */
const SMALL_BYTES = 8_192;
/** Runs that are asked for at a time. */
const ASKED = 1_000;

/** How the store reads and keeps. */
export interface ContextStoreOptions {
  readonly clock: Clock;
  /** True where the bucket has one replica, so that any read is the newest. */
  readonly hasOneReplica: () => boolean;
  /** True where the bucket has no limit a key, so that nothing in it is dropped without a trace. @default false */
  readonly keepsAll?: boolean;
  /** How long entries of ended runs stay, in milliseconds. */
  readonly retentionMs: number;
}

/** Checkpoints in a KV bucket, one entry a run. */
export class JetStreamContextStore implements ContextStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #oldLeader: OldLeader;
  readonly #hasOneReplica: () => boolean;
  readonly #ttl: number;
  readonly #keepsAll: boolean;

  constructor(table: KvTable, persistence: Persistence, options: ContextStoreOptions) {
    this.#table = table;
    this.#persistence = persistence;
    this.#oldLeader = new OldLeader(options.clock, options.hasOneReplica);
    this.#hasOneReplica = options.hasOneReplica;
    this.#keepsAll = options.keepsAll ?? false;
    this.#ttl = ttlSeconds(options.retentionMs);
  }

  async get(runId: string, atLeast = 0): Promise<Versioned | null> {
    const what = `reading the checkpoint of run "${runId}"`;
    const isBelieved = this.#oldLeader.belief();
    const entry = await this.#persistence.run(what, () =>
      this.#read(toToken(runId), atLeast, isBelieved),
    );
    if (entry === null) return null;
    const checkpoint = decodeEntry(
      StoredCheckpointSchema,
      entry,
      `the checkpoint of run "${runId}"`,
    );
    if (checkpoint.runId !== runId) throw ofAnother(runId, checkpoint.runId);
    return { checkpoint, revision: entry.revision };
  }

  create(checkpoint: Checkpoint, spareBytes = 0): Promise<number | null> {
    return this.#write(checkpoint, 0, spareBytes);
  }

  update(checkpoint: Checkpoint, revision: number, spareBytes = 0): Promise<number | null> {
    if (revision > 0) return this.#write(checkpoint, revision, spareBytes);
    return Promise.reject(
      new FloxideError("validation", "the revision to follow must be 1 or more"),
    );
  }

  async remove(runId: string): Promise<void> {
    const what = `removing the checkpoint of run "${runId}"`;
    await this.#persistence.run(what, () => this.#table.remove(toToken(runId)));
  }

  async page(after: number, limit: number): Promise<CheckpointPage> {
    const what = "reading checkpoints";
    const { messages, more } = await this.#persistence.run(what, () =>
      this.#table.reader.from(this.#table.subject(">"), after + 1, limit),
    );
    const newest = new Map(messages.map((message) => [message.subject, message]));
    const { views, unreadable } = this.#decode([...newest.values()]);
    const next = more ? (messages.at(-1)?.seq ?? null) : null;
    return { views: this.#keepsAll ? await this.#newestOf(views) : views, unreadable, next };
  }

  async getMany(runIds: readonly string[]): Promise<AskedCheckpoints> {
    const subjects = new Map(runIds.map((id) => [this.#table.subject(toToken(id)), id]));
    const { messages, more } = await this.#persistence.run("reading checkpoints", () =>
      this.#table.reader.lastOfThese([...subjects.keys()]),
    );
    if (more) for (const { subject } of messages) subjects.delete(subject);
    return { ...this.#decode(messages), rest: more ? [...subjects.values()] : [] };
  }

  newestRevision(atLeast = 0): Promise<number> {
    const isBelieved = this.#oldLeader.belief();
    return this.#persistence.run("reading the newest revision of the checkpoints", async () => {
      const { last } = await this.#table.reader.bounds();
      if (last < atLeast && !isBelieved()) {
        throw new NoAnswer("unavailable", "a leader that knows less than was acknowledged");
      }
      return last;
    });
  }

  /**
   * Without those of runs that go on which are older than the newest (C5): that comes later in the order. What is said of an
   * ended run that was resumed since may stay: a look at it alone tells.
   */
  async #newestOf(views: readonly Versioned[]): Promise<readonly Versioned[]> {
    const old = new Set<Versioned>();
    const open = views.filter(({ checkpoint }) => !isTerminal(checkpoint.status));
    let asked = new Map(open.map((view) => [this.#subjectOf(view), view]));
    while (asked.size > 0) {
      const { messages, more } = await this.#persistence.run("reading checkpoints", () =>
        this.#table.reader.lastOfThese([...asked.keys()].slice(0, ASKED)),
      );
      const left = new Map([...asked].slice(more ? 0 : ASKED));
      for (const { subject, seq } of messages) {
        const view = asked.get(subject);
        if (view !== undefined && view.revision < seq) old.add(view);
        left.delete(subject);
      }
      asked = left;
    }
    return views.filter((view) => !old.has(view));
  }

  #subjectOf({ checkpoint }: Versioned): string {
    return this.#table.subject(toToken(checkpoint.runId));
  }

  /** What can be read of them, without what is removed. */
  #decode(messages: readonly StoredMessage[]): Pick<CheckpointPage, "views" | "unreadable"> {
    const views: Versioned[] = [];
    const unreadable: string[] = [];
    for (const message of messages) {
      if (isMarker(message)) continue;
      const entry = this.#table.toEntry(message);
      try {
        const checkpoint = decodeEntry(
          StoredCheckpointSchema,
          entry,
          `the checkpoint "${entry.key}"`,
        );
        views.push({ checkpoint, revision: entry.revision });
      } catch {
        unreadable.push(runIdOf(entry.key));
      }
    }
    return { views, unreadable };
  }

  async #read(key: string, atLeast: number, isBelieved: Belief): Promise<Entry | null> {
    if (this.#hasOneReplica()) {
      const entry = await this.#table.get(key);
      if ((entry?.revision ?? 0) >= atLeast) return entry;
    }
    // A replica that is behind may know the revision that was asked for, and not that the run was paused since: what says
    // whether a node may start is read from the leader. Replicas may also have been added since the store was opened.
    const message = await this.#table.newestFromLeader(key);
    const entry = message === null || isMarker(message) ? null : this.#table.toEntry(message);
    // No message says nothing where there must have been one: it may be from before the run.
    if ((message?.seq ?? 0) >= atLeast) return entry;
    if (isBelieved()) return entry === null ? null : lostWrites(entry, atLeast);
    // A leader that was cut off may answer until it has noticed: ask again.
    throw new NoAnswer("unavailable", key);
  }

  #write(checkpoint: Checkpoint, revision: number, spareBytes: number): Promise<number | null> {
    const { runId, status } = checkpoint;
    const what = `the checkpoint of run "${runId}"`;
    const key = toToken(runId);
    const ttl = isTerminal(status) ? this.#ttl : 0;
    let body: Uint8Array;
    try {
      body = this.#table.encode(checkpoint, what, spareBytes, toStoredJson);
    } catch (error) {
      return Promise.reject(error);
    }
    const first = this.#leavesOlder(checkpoint, body, revision)
      ? this.#table.append(key, body, revision)
      : this.#table.update(key, body, revision, ttl);
    return first.catch((error: unknown) => {
      const isRefused = apiCodeOf(error) === API_CODE.wrongLastSequence;
      if (isRefused && revision > 0) return null;
      const write: Write = { key, body, ttl, commit: checkpoint.commit, revision };
      let unanswered: unknown = isConflict(error) ? null : error;
      return this.#persistence.run(`writing ${what}`, (again) => {
        if (unanswered === null) return this.#settle(write, again || !isRefused);
        const failed = unanswered;
        unanswered = null;
        return Promise.reject(failed);
      });
    });
  }

  /** True for a write that leaves what it replaces to a later one (C5). */
  #leavesOlder(checkpoint: Checkpoint, body: Uint8Array, revision: number): boolean {
    if (!this.#keepsAll || body.length > SMALL_BYTES || !isMoving(checkpoint)) return false;
    // By the revision, so that nobody has to count; scattered, so that runs that take turns all have theirs.
    return Math.imul(revision, 0x9e3779b1) >>> 28 !== 0;
  }

  /**
   * Finds out whether the write has been made (C2), and makes it where it has not and still can.
   *
   * @param mayBeMade - false where every attempt so far was refused, so that it cannot have been made
   */
  async #settle(write: Write, mayBeMade: boolean): Promise<number | null> {
    const { key, body, commit, revision, ttl } = write;
    const stored = await this.#table.getFromLeader(key);
    if (stored !== null && stored.revision !== revision) {
      if (!mayBeMade || commit === "") return null;
      const found = decodeEntry(StoredCheckpointSchema, stored, `the checkpoint "${key}"`).commit;
      return found === commit ? stored.revision : null;
    }
    if (stored === null && revision > 0) return null;
    const follows = stored === null ? await this.#table.markerRevision(key) : revision;
    return this.#table.update(key, body, follows, ttl).catch((cause: unknown) => {
      throw isConflict(cause) ? new NoAnswer("unavailable", key, { cause }) : cause;
    });
  }
}

/** A write that is not settled yet. */
interface Write {
  readonly key: string;
  readonly body: Uint8Array;
  readonly ttl: number;
  readonly commit: string;
  readonly revision: number;
}

/** The run id of a key, or the key where nothing of ours has that one. */
function runIdOf(key: string): string {
  try {
    return fromToken(key);
  } catch {
    return key;
  }
}

/** What there is does not know what somebody was told is stored. */
function lostWrites(entry: Entry, atLeast: number): never {
  throw new FloxideError(
    "backend",
    `the checkpoint "${entry.key}" is at revision ${entry.revision}, but revision ${atLeast} was acknowledged: JetStream lost writes`,
    { details: { revision: entry.revision, atLeast } },
  );
}

const ofAnother = (runId: string, other: string): FloxideError =>
  new FloxideError(
    "validation",
    `the checkpoint of run "${runId}" cannot be read: it says that it is of run "${other}"`,
    { details: { runId } },
  );
