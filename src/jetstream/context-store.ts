import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { isMoving } from "../core/checkpoint/inspect.ts";
import { toStoredJson } from "../core/checkpoint/stored-form.ts";
import { commitIn, toPatchText } from "../core/checkpoint/stored-patch.ts";
import type { Clock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type {
  AskedCheckpoints,
  CheckpointPage,
  ContextStore,
  Versioned,
} from "../core/ports/stores.ts";
import { toToken } from "../core/token.ts";
import { CheckpointPages } from "./checkpoint-pages.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { isConflict, jsonOf, type KvTable, ttlSeconds } from "./kv-table.ts";
import { type Lineage, Lineages, patchedAt, takesPatch, wholeAfter, wholeAt } from "./lineage.ts";
import { NoAnswer } from "./no-answer.ts";
import { OldLeader } from "./old-leader.ts";
import type { Persistence } from "./persist.ts";
import type { StoredMessage } from "./stored-message.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// C1. A write is one message with the revision it follows. Its answer decides, where there is one.
// C2. A write without an answer is settled by reading the leader: the `commit` of what is stored tells whose it is. It is
//     written again only when the stored revision is still the one it follows.
// C3. A read sees every write that was acknowledged before it began.
// C4. From the second attempt on "wrong last sequence" is no answer either: it may be the first attempt that came late.
// C5. A write of a run that moves is a patch: what differs from the checkpoint before it, where this process knows that one.
//     It leaves the messages that it builds on. The next whole one takes all of them away: what ends the run or lets it
//     rest is whole, and so is one in sixteen, or one for as many bytes of patches as it has itself.
// C6. A checkpoint of a run that goes on never expires; that of an ended run expires after the retention. A resumed run's
//     write takes the expiry away with the value that had it.
// C7. While the connection is down the server may lose what it has acknowledged, and give its numbers anew: what is known is
//     forgotten then, and nothing is patched that was not read since.

/** How the store reads and keeps. */
export interface ContextStoreOptions {
  readonly clock: Clock;
  /** True where the bucket has one replica, so that any read is the newest. */
  readonly hasOneReplica: () => boolean;
  /** True where nothing of the bucket goes by itself, so that what a patch builds on stays. @default false */
  readonly keepsAll?: boolean;
  /** How long entries of ended runs stay, in milliseconds. */
  readonly retentionMs: number;
}

/** Checkpoints in a KV bucket, one entry a run. */
export class JetStreamContextStore implements ContextStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #oldLeader: OldLeader;
  readonly #reader: CheckpointReader;
  readonly #pages: CheckpointPages;
  readonly #ttl: number;
  readonly #keepsAll: boolean;
  #lineages = new Lineages();

  constructor(table: KvTable, persistence: Persistence, options: ContextStoreOptions) {
    this.#table = table;
    this.#persistence = persistence;
    this.#oldLeader = new OldLeader(options.clock, options.hasOneReplica);
    this.#reader = new CheckpointReader(table, options.hasOneReplica);
    this.#pages = new CheckpointPages(table, persistence, (runId, newest) =>
      this.#complete(runId, newest),
    );
    this.#keepsAll = options.keepsAll ?? false;
    this.#ttl = ttlSeconds(options.retentionMs);
  }

  /** The connection is lost (C7). */
  forget(): void {
    this.#lineages = new Lineages();
  }

  async get(runId: string, atLeast = 0): Promise<Versioned | null> {
    const what = `reading the checkpoint of run "${runId}"`;
    const isBelieved = this.#oldLeader.belief();
    const lineages = this.#lineages;
    const found = await this.#persistence.run(what, () =>
      this.#reader.read(runId, atLeast, lineages.get(runId) ?? null, isBelieved),
    );
    if (found === null) return null;
    const { checkpoint, revision } = found;
    if (checkpoint.runId !== runId) throw ofAnother(runId, checkpoint.runId);
    // A write may have been answered meanwhile.
    if ((lineages.get(runId)?.revision ?? 0) <= revision) lineages.set(runId, found);
    return { checkpoint, revision };
  }

  /** What a message that is the newest of its run leads to. It is not remembered: who looks at many runs writes to few. */
  async #complete(runId: string, newest: StoredMessage): Promise<Versioned | null> {
    const isBelieved = this.#oldLeader.belief();
    const known = this.#lineages.get(runId) ?? null;
    const found = await this.#persistence.run(`reading the checkpoint of run "${runId}"`, () =>
      this.#reader.complete(toToken(runId), newest, known, isBelieved),
    );
    return found === null ? null : { checkpoint: found.checkpoint, revision: found.revision };
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

  page(after: number, limit: number): Promise<CheckpointPage> {
    return this.#pages.page(after, limit, this.#keepsAll);
  }

  getMany(runIds: readonly string[]): Promise<AskedCheckpoints> {
    return this.#pages.getMany(runIds);
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

  #write(checkpoint: Checkpoint, revision: number, spareBytes: number): Promise<number | null> {
    const { runId, commit } = checkpoint;
    const what = `the checkpoint of run "${runId}"`;
    const lineages = this.#lineages;
    let write: Write;
    try {
      const patch = this.#patch(checkpoint, revision, spareBytes);
      const body = patch?.body ?? this.#table.encode(checkpoint, what, spareBytes, toStoredJson);
      const ttl = isTerminal(checkpoint.status) ? this.#ttl : 0;
      write = { key: toToken(runId), body, ttl, commit, revision, before: patch?.before ?? null };
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#send(write, revision)
      .catch((error: unknown) => {
        const isRefused = apiCodeOf(error) === API_CODE.wrongLastSequence;
        if (isRefused && revision > 0) return null;
        let unanswered: unknown = isConflict(error) ? null : error;
        return this.#persistence.run(`writing ${what}`, (again) => {
          if (unanswered === null) return this.#settle(write, again || !isRefused);
          const failed = unanswered;
          unanswered = null;
          return Promise.reject(failed);
        });
      })
      .then((written) => {
        const { before, body } = write;
        if (written === null) return written;
        const lineage =
          before === null
            ? wholeAt(checkpoint, written, body.length)
            : patchedAt(before, checkpoint, written, body.length);
        lineages.set(runId, lineage);
        return written;
      });
  }

  /** The checkpoint as a patch, where it may be one (C5). */
  #patch(
    checkpoint: Checkpoint,
    revision: number,
    spareBytes: number,
  ): { readonly body: Uint8Array; readonly before: Lineage } | null {
    const before = this.#lineages.get(checkpoint.runId);
    if (before?.revision !== revision || !this.#keepsAll) return null;
    if (!takesPatch(before) || !isMoving(checkpoint)) return null;
    const text = patchText(before, checkpoint);
    if (text === null || text.length >= before.wholeBytes) return null;
    const body = this.#table.encode(text, `the checkpoint of run "${checkpoint.runId}"`, 0, asIs);
    // By half of what there is room for, so that the whole one is always smaller than it was thought to be.
    const isSmall = 2 * wholeAfter(before, body.length) + spareBytes <= this.#table.maxValueBytes;
    return isSmall ? { body, before } : null;
  }

  #send({ key, body, before, ttl }: Write, follows: number): Promise<number> {
    return before === null
      ? this.#table.update(key, body, follows, ttl)
      : this.#table.append(key, body, follows);
  }

  /**
   * Finds out whether the write has been made (C2), and makes it where it has not and still can.
   *
   * @param mayBeMade - false where every attempt so far was refused, so that it cannot have been made
   */
  async #settle(write: Write, mayBeMade: boolean): Promise<number | null> {
    const { key, commit, revision, before } = write;
    const stored = await this.#table.getFromLeader(key);
    if (stored === null && revision > 0) return null;
    if (stored !== null) {
      const found = commitIn(jsonOf(stored, `the checkpoint "${key}"`));
      if (stored.revision !== revision)
        return mayBeMade && commit !== "" && found === commit ? stored.revision : null;
      // Its number was given anew (C7).
      if (before !== null && found !== before.checkpoint.commit) return null;
    }
    const follows = stored === null ? await this.#table.markerRevision(key) : revision;
    return this.#send(write, follows).catch((cause: unknown) => {
      throw isConflict(cause) ? new NoAnswer("unavailable", key, { cause }) : cause;
    });
  }
}

/** The patch as text; null where it cannot be written: the whole one tells why. */
function patchText({ checkpoint, whole }: Lineage, after: Checkpoint): string | null {
  try {
    return toPatchText(checkpoint, after, whole);
  } catch {
    return null;
  }
}

const asIs = (text: string): string => text;

/** A write that is not settled yet. */
interface Write {
  readonly key: string;
  readonly body: Uint8Array;
  readonly ttl: number;
  readonly commit: string;
  readonly revision: number;
  /** What it is a patch on; null where it is whole. */
  readonly before: Lineage | null;
}

const ofAnother = (runId: string, other: string): FloxideError =>
  new FloxideError(
    "validation",
    `the checkpoint of run "${runId}" cannot be read: it says that it is of run "${other}"`,
    { details: { runId } },
  );
