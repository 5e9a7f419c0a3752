import { applyChanges } from "../core/checkpoint/apply.ts";
import type { Change } from "../core/checkpoint/change.ts";
import { refused } from "../core/checkpoint/change.ts";
import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isFinal, isTerminal } from "../core/checkpoint/checkpoint.ts";
import type { MergeContext } from "../core/checkpoint/item-changes.ts";
import { valuesLeft } from "../core/checkpoint/wide.ts";
import { isFloxideError } from "../core/errors.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { SessionEnvironment } from "./session-environment.ts";
import { type Committed, settleAll, settleEach, type Waiting } from "./settle.ts";
import { grows } from "./spare-bytes.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

// One run as one worker process sees it. Invariants:
// 1. At most one write of the run is in flight from this process. Changes that come meanwhile go out together in
//    the next, so a wide fan-out does not fight itself.
// 2. A change is judged against the checkpoint that its write replaces: after a conflict all of them are judged
//    again on what was read. What a refused change carried is dropped.
// 3. What is known may be older than what is stored, never newer: only answers of the store are kept. Where the store
//    has lost writes, what is known is given up.

/** Changes that go out together, at most: what they add to the history must fit into the entry before any of it is kept. */
const BATCH = 100;

type StartChange = Extract<Change, { type: "start" }>;

export class RunSession {
  readonly runId: string;
  readonly #env: SessionEnvironment;
  #known: Versioned | null = null;
  /** The run before its beginning, while it has no entry. */
  #base: Checkpoint | null = null;
  /** Set while the run has no entry yet: the change that begins it goes out with the first write. */
  #beginning: StartChange | null = null;
  #lazy: Change[] = [];
  #waiting: Waiting[] = [];
  #writing = false;
  /** A read that is under way for {@link load}. */
  #loading: Promise<unknown> | null = null;
  /** How often somebody said that the run has changed, and of how many of them what is known is newer. */
  #told = 0;
  #seen = 0;
  /** Revision that is known to exist: an answer older than this says nothing. */
  #atLeast = 0;
  #merge: MergeContext = (context, delta) => ({ ...context, ...delta });
  #endedAt = -1;
  #endClaimed = -1;
  /** Number of the newest event that was sent to the history stream from here. */
  historySent = 0;
  /** Resolves when all events up to there are stored. */
  historyStored: Promise<unknown> = Promise.resolve();
  /** The write of the run's first info, where this process makes it: later ones must not overtake it. */
  infoWritten: Promise<unknown> = Promise.resolve();
  /** The writes that show the end of the run which {@link claimEnd} was true for. */
  endShown: Promise<unknown> = Promise.resolve();
  readonly #publishing = new Set<Promise<unknown>>();
  /** Messages of the run in this process's hands. */
  users = 0;

  constructor(runId: string, env: SessionEnvironment) {
    this.runId = runId;
    this.#env = env;
  }

  /** What is known now, without asking. */
  get known(): Versioned | null {
    return this.#known;
  }

  /** How this run's fields merge: known once its workflow is. */
  set merge(merge: MergeContext) {
    this.#merge = merge;
  }

  /** True where the run has ended as it is known, and a write of this process ended it. */
  get endedHere(): boolean {
    return this.#known !== null && this.#endedAt === this.#known.revision;
  }

  /** True once for the write of this process that ended the run: whoever asks first writes the projections. */
  claimEnd(): boolean {
    if (!this.endedHere || this.#endClaimed === this.#endedAt) return false;
    this.#endClaimed = this.#endedAt;
    return true;
  }

  /** False where somebody said that the run has changed and nobody has looked yet. */
  get fresh(): boolean {
    return this.#seen === this.#told;
  }

  /** Somebody else changed the run: what is known is read again before it is used next. */
  invalidate(revision: number): void {
    if (this.#known !== null && this.#known.revision >= revision) return;
    this.#told += 1;
    this.#atLeast = Math.max(this.#atLeast, revision);
  }

  /** The run as of `atLeast` or newer, read only where what is known is older. Null: there is no such run. */
  async load(atLeast: number): Promise<Versioned | null> {
    for (;;) {
      const known = this.#known;
      if (known !== null && this.fresh && known.revision >= atLeast) return known;
      if (this.#loading === null) break;
      // Many messages of a wide fork come at once: what one of them reads will do for most, and so will its failure.
      await this.#loading;
    }
    const loading = this.reload(atLeast);
    this.#loading = loading;
    try {
      return await loading;
    } finally {
      this.#loading = null;
    }
  }

  /** The run as it is known, read anew where somebody said that it has changed. Null: there is no such run. */
  async current(): Promise<Versioned | null> {
    while (!this.fresh) await this.reload();
    return this.#known;
  }

  /** The run as it is stored now. */
  async reload(atLeast = 0): Promise<Versioned | null> {
    // What is said while the answer is on its way may be newer than the answer, and whoever looks meanwhile must wait too.
    const told = this.#told;
    const newest = Math.max(atLeast, this.#atLeast, this.#known?.revision ?? 0);
    const read = await this.#env.store.get(this.runId, newest);
    this.#seen = Math.max(this.#seen, told);
    if (read === null) {
      if (this.#beginning === null) this.#known = null;
      return this.#known;
    }
    this.#learn(read);
    return this.#known;
  }

  /** The run as it is stored now, even where it was newer before: the store has lost writes. */
  async recall(): Promise<Versioned | null> {
    this.forget();
    return this.reload();
  }

  /** What is known is looked at again before it is used next. */
  doubt(): void {
    this.#told += 1;
  }

  /** Gives up what is known of the run, and what was to go out with its next write: the store has lost it. */
  forget(): void {
    this.#atLeast = 0;
    if (this.#base !== null) return;
    this.#known = null;
    this.#lazy = [];
    // Its numbers may be given anew.
    this.#endedAt = -1;
    this.#endClaimed = -1;
    this.historySent = 0;
  }

  /** Forgets a beginning that was never written: whoever began it has given up. */
  abandon(): void {
    if (this.#known?.revision !== 0) return;
    this.#beginning = null;
    this.#base = null;
    this.#known = null;
  }

  /** Begins a run that has no entry. Nothing is written before the first change is. */
  begin(checkpoint: Checkpoint, start: StartChange): Checkpoint {
    this.#beginning = start;
    const begun = this.#apply(checkpoint, [start]).checkpoint;
    this.#known = { checkpoint: begun, revision: 0 };
    this.#base = checkpoint;
    return begun;
  }

  /** Messages of the run are on their way to the queue. */
  publishing(work: Promise<unknown>): void {
    const done = work.catch(() => {}).finally(() => this.#publishing.delete(done));
    this.#publishing.add(done);
  }

  /** Resolves when nothing that this process has begun to queue of the run is on its way any more. */
  async published(): Promise<void> {
    await Promise.all(this.#publishing);
  }

  /** Adds a change that is not worth a write: it goes out with the next one, if there is one. */
  later(change: Change): void {
    this.#lazy.push(change);
  }

  /**
   * Commits a change, together with those that wait beside it.
   *
   * @throws FloxideError `payload_too_large` where the checkpoint would not fit, `backend` where the store is lost
   */
  commit(change: Change): Promise<Committed> {
    const committed = new Promise<Committed>((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
    });
    if (!this.#writing) void this.#drain();
    return committed;
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      await this.#settle(batch);
    }
    this.#writing = false;
  }

  async #settle(batch: Waiting[]): Promise<void> {
    try {
      // After a conflict what has come meanwhile goes out with it.
      while (!(await this.#attempt(batch)))
        batch.push(...this.#waiting.splice(0, BATCH - batch.length));
    } catch (error) {
      // One that cannot be applied, or is too large, must not take the others with it.
      if (!isFloxideError(error, "backend") && batch.length > 1) {
        for (const one of batch) await this.#settle([one]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  /** One compare-and-set. @returns false where another revision won and the changes must be judged again */
  async #attempt(batch: readonly Waiting[]): Promise<boolean> {
    const base = this.#baseToWrite() ?? (await this.reload());
    if (base === null) return settleAll(batch, refused("gone"), this.#known);
    // What comes while the write is under way is not part of it.
    const lazy = [...this.#lazy];
    const first = this.#beginning === null ? lazy : [this.#beginning, ...lazy];
    const done = this.#apply(base.checkpoint, [...first, ...batch.map(({ change }) => change)]);
    const [began] = done.outcomes;
    if (this.#beginning !== null && began?.applied === false) {
      // Somebody else began this run, or ended it before it began. Nothing of ours belongs to it.
      this.#beginning = null;
      return settleAll(batch, began, base);
    }
    const outcomes = done.outcomes.slice(first.length);
    if (!done.changed) return settleEach(batch, outcomes, base);
    // What ends the run may use what was kept free for that.
    const mayGrow = first.some(grows) || batch.some(({ change }) => grows(change));
    const spare = mayGrow && !isTerminal(done.checkpoint.status) ? this.#env.spareBytes : 0;
    const { written, stored } = await writeCheckpoint(this.#env, base, done.checkpoint, spare);
    if (written === null) {
      await this.#afterConflict(base.revision, stored);
      return false;
    }
    this.#beginning = null;
    this.#base = null;
    this.#lazy = this.#lazy.slice(lazy.length);
    // The answer may come after that to a read of what somebody else has written since.
    this.#learn(written);
    if (isTerminal(written.checkpoint.status)) this.#endedAt = written.revision;
    // With the last commit all values go: see `projectRun`.
    if (!isFinal(written.checkpoint.status))
      void this.#env.outside.drop(this.runId, valuesLeft(base.checkpoint, written.checkpoint));
    return settleEach(batch, outcomes, this.#known ?? written);
  }

  /** What the next write replaces, as far as it is known: for a run with no entry, the checkpoint before its beginning. */
  #baseToWrite(): Versioned | null {
    return this.#base === null ? this.#known : { checkpoint: this.#base, revision: 0 };
  }

  async #afterConflict(revision: number, stored: readonly string[]): Promise<void> {
    this.#base = null;
    const read = await this.#env.store.get(this.runId, revision + 1);
    if (read === null) this.#known = null;
    else this.#learn(read);
    void this.#env.outside.dropUnnamed(this.runId, stored, read?.checkpoint ?? null);
  }

  #learn(read: Versioned): void {
    if (this.#known !== null && read.revision < this.#known.revision) return;
    this.#base = null;
    this.#known = read;
  }

  #apply(checkpoint: Checkpoint, changes: readonly Change[]): ReturnType<typeof applyChanges> {
    return applyChanges(checkpoint, changes, {
      now: this.#env.clock.now(),
      by: this.#env.by,
      commit: this.#env.newCommit(),
      merge: this.#merge,
    });
  }
}
