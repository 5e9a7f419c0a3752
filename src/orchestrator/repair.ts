import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { CheckpointPage, RunScan, ScanPlace, Versioned } from "../core/ports/stores.ts";
import { type RunInfo, toRunInfo } from "../core/records/run-info.ts";
import { findRun } from "./find-run.ts";
import { Floors } from "./repair-floors.ts";
import { dropForgotten } from "./repair-forgotten.ts";
import { type RepairListener, type RepairReport, RepairTally } from "./repair-report.ts";
import { isWell, isYoung, type RepairLook, repairRun } from "./repair-run.ts";
import { repairStarts } from "./repair-starts.ts";
import { dropValues } from "./repair-values.ts";
import type { OrchestratorScope } from "./scope.ts";

// Looks for runs that should move and have nothing that will move them. Invariants:
// 1. Every repair is idempotent: several orchestrators may look at once, and a message too many is dropped by the
//    worker that gets it.
// 2. An item is queued again only when neither it nor what carries it has a message, or when the queue has forgotten
//    the message it has: a long-running node is never started twice by a repair. A run that came back older than it was
//    is the exception: what is executed of it is executed for a state that is gone.
// 3. Young runs are left alone: their messages may be on the way.

/** What to look at, and how. */
export interface RepairOptions extends RepairListener {
  /**
   * Milliseconds since its last commit after which a run is looked at.
   *
   * @default twice the acknowledgement wait of the queue; 0 with `restored`
   */
  readonly quietMs?: number;
  /** Only this run, thoroughly. */
  readonly runId?: string;
  /** True to look at every run that has a checkpoint or is listed, ended ones too, thoroughly. @default false */
  readonly all?: boolean;
  /**
   * True where streams or buckets were restored from a backup, or have lost their last writes: every run that goes on is
   * set on a new footing, and one without a checkpoint and a start request is given up. Implies `all`. @default false
   */
  readonly restored?: boolean;
}

const PAGE = 200;
const PAGES = 50;
/** Checkpoints that one usual look reads, beside the runs that are listed. */
const CHECKPOINTS = 500;
/** Runs that are looked at at a time, where all are. */
const WIDTH = 16;
/** Start requests that are read to know which runs wait: by the usual look, and where all runs are looked at. */
const USUAL_STARTS = { limit: PAGE * PAGES, thorough: false, restored: false };
const ALL_STARTS = 10 * USUAL_STARTS.limit;

/** Where a look at the runs ended: the next goes on from there. */
interface RepairCursor {
  readonly status: "running" | "paused";
  readonly from: ScanPlace | null;
}

const FIRST_LOOK: RepairCursor = { status: "running", from: null };

/** Looks at runs, now some of them, now all. */
export class Repairs {
  readonly #scope: OrchestratorScope;
  #from = FIRST_LOOK;
  #pageFrom = 0;
  /** The largest revision of a checkpoint that was ever heard of here. */
  #newest = 0;
  /** True once it was seen that checkpoints were lost, until all runs have been looked at. */
  #areGone = false;
  readonly #unwatch: () => void;

  constructor(scope: OrchestratorScope) {
    this.#scope = scope;
    this.#unwatch = scope.backend.watchLost(() => void this.#checkAfterOutage());
  }

  close(): void {
    this.#unwatch();
  }

  async look(options: RepairOptions): Promise<RepairReport> {
    const { restored = false, runId } = options;
    const usualMs = 2 * this.#scope.backend.queue.ackWaitMs;
    const quietMs = options.quietMs ?? (restored ? 0 : usualMs);
    const tally = new RepairTally(options);
    if (runId !== undefined) await this.#one(runId, { quietMs, restored }, tally);
    else if (options.all === true || restored) await this.#all({ quietMs, restored }, tally);
    else await this.#some(quietMs, tally);
    if (tally.mended) this.#scope.log.warn(tally.report, "runs repaired");
    return tally.report;
  }

  /** Up to ten thousand runs that have not ended, on from where the last look stopped. All of them where checkpoints have been lost. */
  async #some(quietMs: number, tally: RepairTally): Promise<void> {
    const { backend, log } = this.#scope;
    if (this.#areGone || (await this.#checkForLoss())) {
      // Until the look has come to its end: when workers have gone on, nothing may show any more that there was a loss.
      this.#areGone = true;
      log.error({}, "checkpoints that were stored are gone: all runs are looked at");
      await this.#all({ quietMs, restored: true }, tally);
      this.#newest = await backend.contexts.newestRevision();
      this.#areGone = false;
      return;
    }
    const floors = await Floors.read(backend.queue);
    const waiting = await repairStarts(this.#scope, tally, floors, USUAL_STARTS);
    await dropForgotten(this.#scope, floors);
    await dropValues(this.#scope);
    const usual = { quietMs, restored: false, trustsHistory: false, waiting, floors };
    const seen = await this.#listed({ ...usual, thorough: false }, tally);
    await this.#unlisted({ ...usual, thorough: true }, seen, tally);
  }

  /** Runs that are listed as going on. @returns the ids of those whose messages were looked at, or need none yet */
  async #listed(look: RepairLook, tally: RepairTally): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    for (let page = 0; page < PAGES; page++) {
      const { status, from } = this.#from;
      const { infos, next }: RunScan = await this.#scope.backend.runs.scan(status, from, PAGE);
      for (const info of await this.#unwell(infos, look)) {
        seen.add(info.runId);
        await repairOrReport(this.#scope, info, look, tally);
      }
      tally.looked(infos.length);
      this.#from = after(this.#from, next);
      if (this.#from === FIRST_LOOK) break;
    }
    return seen;
  }

  /** Those of the runs that must be looked at one by one. */
  async #unwell(infos: readonly RunInfo[], look: RepairLook): Promise<readonly RunInfo[]> {
    const { backend, clock } = this.#scope;
    const known = new Map<string, Versioned>();
    const unreadable = new Set<string>();
    for (let ids = infos.map(({ runId }) => runId); ids.length > 0; ) {
      const asked = await backend.contexts.getMany(ids);
      for (const view of asked.views) known.set(view.checkpoint.runId, view);
      for (const runId of asked.unreadable) unreadable.add(runId);
      ids = [...asked.rest];
    }
    const now = clock.now();
    return infos.filter(
      (info) =>
        unreadable.has(info.runId) || !isWell(info, known.get(info.runId) ?? null, look, now),
    );
  }

  /** Some of the runs that go on, whatever lists say: one that they show as ended would stand still for ever. */
  async #unlisted(look: RepairLook, seen: ReadonlySet<string>, tally: RepairTally): Promise<void> {
    const { backend, clock } = this.#scope;
    const { contexts, runs } = backend;
    const { views, next } = await contexts.page(this.#pageFrom, CHECKPOINTS);
    const now = clock.now();
    const open = views.filter(
      ({ checkpoint: { runId, status } }) => !isTerminal(status) && !seen.has(runId),
    );
    const infos = open.map(({ checkpoint, revision }) => toRunInfo(checkpoint, revision));
    const misfiled = await runs.misfiled(infos);
    for (const { checkpoint, revision } of open) {
      const { runId } = checkpoint;
      const thorough = misfiled.has(runId);
      if (!thorough && isYoung(checkpoint, look, now)) continue;
      const filed = thorough ? await runs.get(runId) : toRunInfo(checkpoint, revision);
      await repairOrReport(this.#scope, filed ?? runId, { ...look, thorough }, tally);
    }
    this.#pageFrom = next ?? 0;
  }

  /** Every run: those with a checkpoint, then those that are listed without one. */
  async #all(how: Pick<RepairLook, "quietMs" | "restored">, tally: RepairTally): Promise<void> {
    const { contexts, queue, runs } = this.#scope.backend;
    const starts = { limit: ALL_STARTS, thorough: true, restored: how.restored };
    if (how.restored) await this.#setBackQueue();
    const floors = await Floors.read(queue);
    const waiting = await repairStarts(this.#scope, tally, floors, starts);
    await dropForgotten(this.#scope, floors);
    const look = { ...how, thorough: true, trustsHistory: true, waiting, floors };
    const seen = new Set<string>();
    for (let from: number | null = 0; from !== null; ) {
      const { views, unreadable, next }: CheckpointPage = await contexts.page(from, PAGE);
      const ids = views.map(({ checkpoint }) => checkpoint.runId);
      for (const runId of unreadable) report(this.#scope, tally, runId, null);
      // One that is written meanwhile comes again.
      await this.#each(
        ids.filter((runId) => !seen.has(runId)),
        look,
        tally,
      );
      for (const runId of [...ids, ...unreadable]) seen.add(runId);
      from = next;
    }
    for (const status of ["running", "paused"] as const) {
      for (let from: ScanPlace | null = null, more = true; more; more = from !== null) {
        const { infos, next }: RunScan = await runs.scan(status, from, PAGE);
        const others = infos.filter(({ runId }) => !seen.has(runId));
        for (const info of others) await repairOrReport(this.#scope, info, look, tally);
        tally.looked(others.length);
        from = next;
      }
    }
  }

  async #setBackQueue(): Promise<void> {
    const { backend, log } = this.#scope;
    for (const { workflow } of await backend.queue.backlog()) {
      const replaced = await backend.queue.replaceAhead(workflow);
      if (replaced.length > 0)
        log.warn({ workflow, replaced }, "the queue is older than its consumers: they begin anew");
    }
  }

  async #each(ids: readonly string[], look: RepairLook, tally: RepairTally): Promise<void> {
    const { runs } = this.#scope.backend;
    await inParallel(ids, WIDTH, async (runId) => {
      const info = (await runs.get(runId)) ?? runId;
      await repairOrReport(this.#scope, info, look, tally);
    });
    tally.looked(ids.length);
  }

  async #one(
    runId: string,
    how: Pick<RepairLook, "quietMs" | "restored">,
    tally: RepairTally,
  ): Promise<void> {
    // Throws where nobody knows the run.
    await findRun(this.#scope, runId);
    const starts = { limit: ALL_STARTS, thorough: false, restored: false };
    const floors = await Floors.read(this.#scope.backend.queue);
    const waiting = await repairStarts(this.#scope, tally, floors, starts);
    const look = { ...how, thorough: true, trustsHistory: true, waiting, floors };
    await this.#each([runId], look, tally);
  }

  /** True where a revision was heard of that the checkpoints do not have: by this process, or by runs created lately. */
  async #checkForLoss(): Promise<boolean> {
    const { contexts, runs } = this.#scope.backend;
    // At once: the numbers may be given anew before the list is read.
    if ((await contexts.newestRevision(this.#newest)) < this.#newest) return true;
    const { items } = await runs.list({}, PAGE, null);
    const listed = items.reduce((newest, { revision }) => Math.max(newest, revision), 0);
    const newest = await contexts.newestRevision(listed);
    this.#newest = Math.max(this.#newest, newest);
    return newest < listed;
  }

  async #checkAfterOutage(): Promise<void> {
    try {
      if (await this.#checkForLoss()) this.#areGone = true;
    } catch (error) {
      this.#scope.log.debug({ err: error }, "not known yet whether checkpoints are gone");
    }
  }
}

/** Running runs first, then paused ones, then from the beginning again. */
function after({ status }: RepairCursor, from: ScanPlace | null): RepairCursor {
  if (from !== null) return { status, from };
  return status === "running" ? { status: "paused", from: null } : FIRST_LOOK;
}

/** One run that cannot be read must not keep the others from being repaired. @param info - or its id, where it is not listed */
async function repairOrReport(
  scope: OrchestratorScope,
  info: RunInfo | string,
  look: RepairLook,
  tally: RepairTally,
): Promise<void> {
  const [runId, filed] = typeof info === "string" ? [info, null] : [info.runId, info];
  try {
    const found = await repairRun(scope, runId, look, filed);
    if (found !== null) tally.found(found);
  } catch (error) {
    if (!isFloxideError(error, "validation")) throw error;
    report(scope, tally, runId, error);
  }
}

function report(scope: OrchestratorScope, tally: RepairTally, runId: string, error: unknown): void {
  scope.log.error({ err: error, runId }, "the run cannot be looked at");
  tally.found({ runId, workflow: null, what: "unreadable", items: 0, refiled: false });
}
