import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { CheckpointSchema, isTerminal } from "../core/checkpoint/checkpoint.ts";
import { checkpointJson } from "../core/checkpoint/checkpoint-json.ts";
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
// C5. A checkpoint of a run that goes on never expires; that of an ended run expires after the retention. A resumed run's
//     write takes the expiry away with the value that had it.

/** How the store reads and keeps. */
export interface ContextStoreOptions {
  readonly clock: Clock;
  /** True where the bucket has one replica, so that any read is the newest. */
  readonly hasOneReplica: () => boolean;
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

  constructor(table: KvTable, persistence: Persistence, options: ContextStoreOptions) {
    this.#table = table;
    this.#persistence = persistence;
    this.#oldLeader = new OldLeader(options.clock, options.hasOneReplica);
    this.#hasOneReplica = options.hasOneReplica;
    this.#ttl = ttlSeconds(options.retentionMs);
  }

  async get(runId: string, atLeast = 0): Promise<Versioned | null> {
    const what = `reading the checkpoint of run "${runId}"`;
    const isBelieved = this.#oldLeader.belief();
    const entry = await this.#persistence.run(what, () =>
      this.#read(toToken(runId), atLeast, isBelieved),
    );
    if (entry === null) return null;
    const checkpoint = decodeEntry(CheckpointSchema, entry, `the checkpoint of run "${runId}"`);
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
    return { ...this.#decode(messages), next: more ? (messages.at(-1)?.seq ?? null) : null };
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

  /** What can be read of them, without what is removed. */
  #decode(messages: readonly StoredMessage[]): Pick<CheckpointPage, "views" | "unreadable"> {
    const views: Versioned[] = [];
    const unreadable: string[] = [];
    for (const message of messages) {
      if (isMarker(message)) continue;
      const entry = this.#table.toEntry(message);
      try {
        const checkpoint = decodeEntry(CheckpointSchema, entry, `the checkpoint "${entry.key}"`);
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
      body = this.#table.encode(checkpoint, what, spareBytes, checkpointJson);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#table.update(key, body, revision, ttl).catch((error: unknown) => {
      const isRefused = apiCodeOf(error) === API_CODE.wrongLastSequence;
      if (isRefused && revision > 0) return null;
      const write: Write = { key, body, ttl, commit: checkpoint.commit, revision };
      let first: unknown = isConflict(error) ? null : error;
      return this.#persistence.run(`writing ${what}`, (again) => {
        if (first === null) return this.#settle(write, again || !isRefused);
        const failed = first;
        first = null;
        return Promise.reject(failed);
      });
    });
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
      const found = decodeEntry(CheckpointSchema, stored, `the checkpoint "${key}"`).commit;
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
