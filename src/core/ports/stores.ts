import type { Checkpoint, RunStatus } from "../checkpoint/checkpoint.ts";
import type { FloxideError } from "../errors.ts";
import type { JsonPart } from "../json-texts.ts";
import type { DeadLetter, NewDeadLetter } from "../records/dead-letter.ts";
import type { HistoryEvent } from "../records/history-event.ts";
import type { Heartbeat } from "../records/liveness.ts";
import type { RunMetrics } from "../records/metrics.ts";
import type { RunError } from "../records/run-error.ts";
import type { RunInfo } from "../records/run-info.ts";

/** A checkpoint as it was read, with the revision that a write must name. */
export interface Versioned {
  readonly checkpoint: Checkpoint;
  readonly revision: number;
}

/** Some checkpoints. */
interface SomeCheckpoints {
  readonly views: readonly Versioned[];
  /** Ids of runs whose entries cannot be read. */
  readonly unreadable: readonly string[];
}

/** Some checkpoints, and where the next ones begin. */
export interface CheckpointPage extends SomeCheckpoints {
  /** Null on the last page. */
  readonly next: number | null;
}

/** Checkpoints that were asked for together. Runs that are nowhere in it have none. */
export interface AskedCheckpoints extends SomeCheckpoints {
  /** Ids that there was no room for in one answer: ask for them again. */
  readonly rest: readonly string[];
}

/**
 * One entry a run, changed by compare-and-set only: one revision wins.
 * Entries of ended runs go by themselves when their retention is over.
 */
export interface ContextStore {
  /**
   * Reads the run's checkpoint.
   *
   * @param atLeast - a revision known to exist: an older answer is not given
   * @throws FloxideError `validation` where what is stored is no checkpoint, `backend` with `revision` and `atLeast` in
   * its details where the store has lost what it acknowledged
   */
  get(runId: string, atLeast?: number): Promise<Versioned | null>;
  /**
   * Writes the first revision.
   *
   * @param spareBytes - the value must be smaller than the largest by this. @default 0
   * @returns it, or null where the run has an entry already
   */
  create(checkpoint: Checkpoint, spareBytes?: number): Promise<number | null>;
  /**
   * Writes the next revision.
   *
   * An answer that was lost is cleared up by reading: the `commit` of what is stored tells whose write it was.
   * @param spareBytes - the value must be smaller than the largest by this. @default 0
   * @returns the new revision, or null where `revision` is not the newest
   * @throws FloxideError `payload_too_large` with both sizes; nothing is written
   */
  update(checkpoint: Checkpoint, revision: number, spareBytes?: number): Promise<number | null>;
  /**
   * Checkpoints in the order of their last writes. One that is written meanwhile may come twice.
   *
   * @param after - `next` of the page before; 0 for the first
   */
  page(after: number, limit: number): Promise<CheckpointPage>;
  /**
   * The checkpoints of these runs, in one answer. They may be older than what {@link get} gives, and large fields of their
   * contexts may be missing: a hint, to be confirmed before anything is done.
   *
   * @param runIds - 1,000 at most
   */
  getMany(runIds: readonly string[]): Promise<AskedCheckpoints>;
  /**
   * The largest revision of all: it goes down only where the store has lost what it acknowledged.
   *
   * @param atLeast - a revision known to exist: a smaller answer is given only when it is no longer that of a server
   * which was cut off. @default 0
   */
  newestRevision(atLeast?: number): Promise<number>;
  /** Forgets the run. */
  remove(runId: string): Promise<void>;
}

/** Values of runs that are too many or too large for their checkpoints: inputs and results of wide forks. */
export interface ValueStore {
  /** Writes JSON under a key that was never used before. Repeatable. @throws FloxideError `payload_too_large` */
  put(runId: string, key: string, json: JsonPart): Promise<void>;
  /**
   * The newest answer there is: null only where no such key was written, or it was removed.
   *
   * @param isKnown - false where nobody has said that it is there now: then one that no server has heard of is not waited for
   */
  get(runId: string, key: string, isKnown?: boolean): Promise<string | null>;
  remove(runId: string, keys: readonly string[]): Promise<void>;
  /** Forgets all values of the run. */
  removeRun(runId: string): Promise<void>;
  /** Ids of runs that have values, some of them where they are more than a hundred thousand. */
  runs(): Promise<readonly string[]>;
  /** When the run's newest value was written, in milliseconds since the epoch; null where it has none. */
  newestAt(runId: string): Promise<number | null>;
}

/** Which runs to list. All that is given must fit. */
export interface RunFilter {
  readonly status?: RunStatus;
  readonly workflow?: string;
  /** Created at or after, and before; ISO times. */
  readonly createdFrom?: string;
  readonly createdBefore?: string;
}

/** A page of a listing, newest first. */
export interface Page<T> {
  /** Fewer than were asked for, or none, also where a page has read as much as it may: `cursor` alone tells the last. */
  readonly items: readonly T[];
  /** Give it back to get the next page; null on the last one. */
  readonly cursor: string | null;
}

/** How far a scan of runs has come. */
export interface ScanPlace {
  /** Position that the next part begins behind. */
  readonly after: number;
  /** Position that the scan ends with: the newest there was when it began. */
  readonly upTo: number;
}

/** A part of a scan of runs. */
export interface RunScan {
  /** Fewer than were asked for, or none, where much of what was read is gone. */
  readonly infos: readonly RunInfo[];
  /** Where the next part begins; null after the last. */
  readonly next: ScanPlace | null;
}

/** What lists know of runs. */
/** What may come between a watch and what it watches. */
export interface WatchTrouble {
  /** The watch begins anew: where the store has lost something, ends may have been missed. */
  onAnew(): void;
  /** Nothing more is told: the connection is closed for good. */
  onGone(error: FloxideError): void;
}

export interface RunInfoStore {
  /** Writes the info of a run that is new. @returns false where its id is taken */
  create(info: RunInfo): Promise<boolean>;
  /**
   * Writes the info of a run whose status changed.
   *
   * @param from - statuses it may be filed under; `null` where anything is possible
   */
  replace(info: RunInfo, from: readonly RunStatus[] | null): Promise<void>;
  /**
   * Files the run as it is, whatever larger revision is filed: for when the checkpoints came back older than they were.
   *
   * @param current - reads what is to be filed; called after the look at what is filed, and again where that changes.
   * Null: leave it
   * @returns false where that is what was filed
   */
  refile(runId: string, current: () => Promise<RunInfo | null>): Promise<boolean>;
  get(runId: string): Promise<RunInfo | null>;
  /**
   * By when the runs came to their status, newest first.
   *
   * One whose status changes while somebody pages moves to the top: it may be missing from the pages after, or come twice.
   * @param limit - 1 to 1000
   * @throws FloxideError `validation` where the cursor is none
   */
  list(filter: RunFilter, limit: number, cursor: string | null): Promise<Page<RunInfo>>;
  /**
   * Runs as they are filed under a status, in the order in which they came to be so. What is filed after the scan began is
   * not in it; one that changes meanwhile may be missed, and one that is about to be filed under another status may come.
   *
   * @param from - `next` of the part before; null to begin
   * @param limit - so many entries are read at most; 1 to 1000
   */
  scan(status: RunStatus, from: ScanPlace | null, limit: number): Promise<RunScan>;
  /**
   * Which of these runs are not filed as they are here, or are filed twice. A hint: a run that is being filed may count.
   *
   * @param infos - what they are to be filed as; 1,000 at most
   * @returns their ids
   */
  misfiled(infos: readonly RunInfo[]): Promise<ReadonlySet<string>>;
  /**
   * Calls back for each run that ends from now on, whoever ends it.
   *
   * @returns how to stop
   */
  watchEnded(onEnded: (info: RunInfo) => void, trouble?: WatchTrouble): Promise<() => void>;
  remove(runId: string): Promise<void>;
}

export interface MetricsStore {
  put(metrics: RunMetrics): Promise<void>;
  get(runId: string): Promise<RunMetrics | null>;
  remove(runId: string): Promise<void>;
}

export interface ErrorStore {
  /** Idempotent by run, item, attempt and time: a resumed run counts its attempts anew. */
  put(error: RunError): Promise<void>;
  /** Oldest first. @param limit - the newest so many; 1 to 1000 */
  list(runId: string, limit: number): Promise<readonly RunError[]>;
  remove(runId: string): Promise<void>;
}

export interface LivenessStore {
  /** @param say - makes the heartbeat anew for each attempt, so that a late one is not an old one; null: no more */
  put(say: () => Heartbeat | null): Promise<void>;
  /** All workers that are known. What is said of each may be a little old. */
  list(): Promise<readonly Heartbeat[]>;
  /** What the worker has said last; null where it is not known, or has said goodbye. */
  get(workerId: string): Promise<Heartbeat | null>;
  remove(workerId: string): Promise<void>;
}

export interface HistoryStore {
  /** Appends events of one run. The same events may come twice: numbers tell. */
  append(workflow: string, runId: string, events: readonly HistoryEvent[]): Promise<void>;
  /** Events in the order of their numbers, each once. @param limit - the first so many after `after` */
  list(
    workflow: string,
    runId: string,
    after: number,
    limit: number,
  ): Promise<readonly HistoryEvent[]>;
}

export interface DeadLetterStore {
  add(letter: NewDeadLetter): Promise<void>;
  /** Newest first. @param before - id of a letter; only older ones */
  list(limit: number, before: number | null): Promise<readonly DeadLetter[]>;
}
