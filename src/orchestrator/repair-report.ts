/** What one look at the runs found and did. */
export interface RepairReport {
  readonly looked: number;
  /** Runs with items that had nothing to move them, and how many items that were. */
  readonly runs: number;
  readonly items: number;
  /** Start requests queued again: those that the queue had forgotten; after a restore all that wait. */
  readonly starts: number;
  /** Runs whose list entry said something else than their checkpoint. */
  readonly projections: number;
  /** Runs whose checkpoint had come back older than it was: set on a new footing, and queued again. */
  readonly restored: number;
  /** Runs of which nothing is left to go on with: they have failed with the kind `lost`. */
  readonly lost: number;
  /** Runs whose checkpoint cannot be read: left as they are. */
  readonly unreadable: number;
}

/** What was done to one run. */
export interface RepairFinding {
  readonly runId: string;
  /** Null where it is not known. */
  readonly workflow: string | null;
  /**
   * `requeued`: items without a message have one again. `restored`, `lost`, `unreadable`: see {@link RepairReport}.
   * `refiled`: lists show it as its checkpoint says. `removed`: its start request was never sent, so it is off the list.
   */
  readonly what: "requeued" | "restored" | "refiled" | "lost" | "removed" | "unreadable";
  /** Items that were queued again. */
  readonly items: number;
  /** True where lists showed something else than its checkpoint, or showed it for nothing. */
  readonly refiled: boolean;
}

/** Called as a look goes on. */
export interface RepairListener {
  /** After some runs each time. */
  readonly onProgress?: (report: RepairReport) => void;
  readonly onFound?: (finding: RepairFinding) => void;
}

/** Counts what a look finds, and tells. */
export class RepairTally {
  readonly #listener: RepairListener;
  readonly #counts = {
    looked: 0,
    runs: 0,
    items: 0,
    starts: 0,
    projections: 0,
    restored: 0,
    lost: 0,
    unreadable: 0,
  };

  constructor(listener: RepairListener) {
    this.#listener = listener;
  }

  get report(): RepairReport {
    return { ...this.#counts };
  }

  /** True where something was mended. */
  get mended(): boolean {
    const { looked: _looked, unreadable: _unreadable, ...mended } = this.#counts;
    return Object.values(mended).some((count) => count > 0);
  }

  looked(runs: number): void {
    this.#counts.looked += runs;
    this.#listener.onProgress?.(this.report);
  }

  start(): void {
    this.#counts.starts += 1;
  }

  found(finding: RepairFinding): void {
    const counts = this.#counts;
    counts.items += finding.items;
    if (finding.items > 0) counts.runs += 1;
    if (finding.what === "restored") counts.restored += 1;
    else if (finding.what === "lost") counts.lost += 1;
    else if (finding.what === "unreadable") counts.unreadable += 1;
    if (finding.refiled) counts.projections += 1;
    this.#listener.onFound?.(finding);
  }
}
