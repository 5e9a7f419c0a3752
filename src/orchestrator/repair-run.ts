import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal, START_CARRIER } from "../core/checkpoint/checkpoint.ts";
import { dueMs } from "../core/checkpoint/inspect.ts";
import { sleep } from "../core/clock.ts";
import { isFloxideError } from "../core/errors.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { QueuedMessage, QueueSource } from "../core/ports/work-queue.ts";
import { toRunMetrics } from "../core/records/metrics.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import { keepFigures, keepHistory } from "../engine/project.ts";
import { requeue } from "../engine/requeue.ts";
import type { Floors } from "./repair-floors.ts";
import type { RepairFinding } from "./repair-report.ts";
import { giveUpRun, hasTraces, restoreRun, wasSetBack } from "./restore-run.ts";
import type { OrchestratorScope } from "./scope.ts";
import type { WaitingStarts } from "./waiting-starts.ts";

/** How a run is looked at. */
export interface RepairLook {
  /** Milliseconds since its last commit after which it is looked at. */
  readonly quietMs: number;
  /** True where the stores are known to have come back older than they were. */
  readonly restored: boolean;
  /** True to hold lists, figures and history against the checkpoint, whatever lists say. */
  readonly thorough: boolean;
  /** True where an event of the history that the checkpoint does not know shows that it was set back. */
  readonly trustsHistory: boolean;
  /** Runs whose start requests are in the queue; null where they are too many to know. */
  readonly waiting: WaitingStarts | null;
  /** Floors as they were before; read for the run where none are given. */
  readonly floors?: Floors;
}

/** Milliseconds after which a client that filed a run has certainly sent its start request, or died. */
const GHOST_MS = 600_000;
/** Milliseconds that the start request of a client that lives is on the way, after its run was filed. */
const START_MS = 1_000;

/**
 * Looks at one run, and mends what keeps it from going on or being listed.
 *
 * @param filed - what lists show of it, as read before; null where that is not known
 * @returns what was done, if anything
 */
export async function repairRun(
  scope: OrchestratorScope,
  runId: string,
  look: RepairLook,
  filed: RunInfo | null = null,
): Promise<RepairFinding | null> {
  const view = await scope.backend.contexts.get(runId);
  if (view === null) return filed === null ? null : repairUnbegun(scope, filed, null, look);
  const { checkpoint, revision } = view;
  // One that moves is left to. But where lists show it as ended, nobody would look at it when it does so no more.
  const moves = isYoung(checkpoint, look, scope.clock.now());
  if (!moves && !checkpoint.started && !isTerminal(checkpoint.status)) {
    const found = await repairUnbegun(scope, toRunInfo(checkpoint, revision), view, look);
    if (found !== null) return found;
  }
  const isOver = moves || isTerminal(checkpoint.status);
  const moved = isOver ? null : await move(scope, view, look, filed);
  const isMisfiled = !moves && filed !== null && !isRight(filed, view);
  const refiled = (look.thorough || isMisfiled || moved !== null) && (await refile(scope, runId));
  if (moved !== null) return { ...moved, refiled };
  return refiled ? { ...finding(checkpoint, "refiled", 0), refiled } : null;
}

const isRight = (filed: RunInfo, { checkpoint, revision }: Versioned): boolean =>
  filed.status === checkpoint.status && filed.revision <= revision;

/**
 * True where {@link repairRun} would find nothing to do, by a checkpoint that may be old: wrong now, it is right in
 * another look. The queue is not asked about a run that waits for a time to come: a timer that is lost is missed when it
 * is overdue. Nor about one that only a call can move.
 *
 * @param view - null where the run has no checkpoint
 */
export function isWell(
  filed: RunInfo,
  view: Versioned | null,
  look: RepairLook,
  now: number,
): boolean {
  if (view === null) return mayBegin(filed, look, now);
  const { checkpoint } = view;
  if (isYoung(checkpoint, look, now)) return true;
  return isRight(filed, view) && checkpoint.started && rests(checkpoint, now);
}

/**
 * True where the last commit is so young that its messages may be on the way. One that lies further in the future was stamped
 * by a clock that is wrong: it says nothing.
 */
export const isYoung = (
  { updatedAt }: Checkpoint,
  { quietMs }: Pick<RepairLook, "quietMs">,
  now: number,
): boolean => Math.abs(now - Date.parse(updatedAt)) < quietMs;

/** True where the run needs no message now. */
const rests = ({ status, items }: Checkpoint, now: number): boolean =>
  status === "paused" ||
  (status === "running" && Object.values(items).every((item) => dueMs(item) > now));

/** Queues again what has no message, on a new footing where the run has come back older than it was. */
async function move(
  scope: OrchestratorScope,
  view: Versioned,
  look: RepairLook,
  filed: RunInfo | null,
): Promise<RepairFinding | null> {
  const { backend, clock, log } = scope;
  const { checkpoint, revision } = view;
  const { runId, workflow } = checkpoint;
  // The floor first: what is below it and still there afterwards is not on its way out.
  const floor = await floorOf(backend, look, { kind: "work", workflow });
  const queued = await backend.queue.queued(workflow, runId);
  const seen = { filed, queued, history: look.trustsHistory };
  if (look.restored || (await wasSetBack(scope, view, seen))) {
    const done = await restoreRun(scope, view);
    if (done === null) return null;
    log.warn({ runId, workflow, ...done }, "the run came back older than it was: queued again");
    return finding(checkpoint, "restored", done.items);
  }
  if (checkpoint.status !== "running") return null;
  const stranded = await strandedItems(scope, checkpoint, { look, queued, floor });
  if (stranded.length === 0) return null;
  log.warn({ runId, workflow, items: stranded }, "items without a message queued again");
  const now = clock.now();
  await requeue(backend.queue, checkpoint, revision, stranded, now, `repair-${now}`);
  return finding(checkpoint, "requeued", stranded.length);
}

/** True where nothing says that the start request of a run which has not begun is missing. */
function mayBegin(
  { runId, createdAt }: RunInfo,
  { restored, quietMs, waiting }: RepairLook,
  now: number,
): boolean {
  if (waiting === null || waiting.had(runId)) return true;
  const patienceMs = restored ? quietMs : Math.max(quietMs, GHOST_MS);
  return now - Date.parse(createdAt) < patienceMs;
}

/** Milliseconds until a client that goes on has certainly sent the request of a run that it has just filed. */
const leftOfStart = ({ createdAt }: RunInfo, now: number): number =>
  Math.max(0, START_MS - Math.abs(now - Date.parse(createdAt)));

/**
 * A run that waits for its start request, where there is none: its client died before it sent the request, or JetStream
 * has lost it, or what came of it.
 */
async function repairUnbegun(
  scope: OrchestratorScope,
  info: RunInfo,
  view: Versioned | null,
  look: RepairLook,
): Promise<RepairFinding | null> {
  const { backend, clock, log } = scope;
  const { restored, waiting } = look;
  const { runId, workflow } = info;
  if (isTerminal(info.status) || waiting === null || mayBegin(info, look, clock.now())) return null;
  if (restored) await sleep(clock, leftOfStart(info, clock.now()));
  const isLost = restored || view !== null || (await hasTraces(scope, info));
  // Its client may have sent the request since the look began. The checkpoint is read after this: a request leaves the
  // queue only when there is one.
  if (await waiting.has(runId)) return null;
  if (isLost) {
    if (!(await giveUpRun(scope, info, view))) return null;
    log.error({ runId, workflow }, "JetStream has lost the run: it has failed");
    const refiled = await refile(scope, runId);
    return { runId, workflow, what: "lost", items: 0, refiled };
  }
  if ((await backend.contexts.get(runId)) !== null) return null;
  await backend.runs.remove(runId);
  log.warn({ runId }, "a run was filed whose start request was never sent: taken off the list");
  return { runId, workflow, what: "removed", items: 0, refiled: true };
}

/** Has lists, figures and history show the run as its checkpoint is. @returns true where lists did not */
async function refile({ backend }: OrchestratorScope, runId: string): Promise<boolean> {
  const read: Versioned[] = [];
  const refiled = await backend.runs.refile(runId, async () => {
    const now = await backend.contexts.get(runId);
    if (now === null) return null;
    read.push(now);
    return toRunInfo(now.checkpoint, now.revision);
  });
  const last = read.at(-1);
  if (last !== undefined) await settleEnd(backend, last, refiled);
  return refiled;
}

/** Figures and history of a run that has ended; those of one that goes on are written at its end. */
async function settleEnd(backend: Backend, view: Versioned, refiled: boolean): Promise<void> {
  const { metrics, history } = backend;
  const { checkpoint } = view;
  const { runId, workflow, status } = checkpoint;
  if (!isTerminal(status)) return;
  const kept = await metrics.get(runId);
  const figures = toRunMetrics(checkpoint);
  if (JSON.stringify(kept) !== JSON.stringify(figures)) await keepFigures(backend, view);
  const last = await history.list(workflow, runId, checkpoint.history.next - 2, 1);
  if (refiled || last.length === 0) await keepHistory(backend, checkpoint);
}

/** Items that want to run, now or at a time, and that no message vouches for. */
async function strandedItems(
  scope: OrchestratorScope,
  checkpoint: Checkpoint,
  seen: {
    readonly look: RepairLook;
    readonly queued: readonly QueuedMessage[];
    readonly floor: number;
  },
): Promise<number[]> {
  const { look, queued, floor } = seen;
  /** Items with a message of their own turn, and those with any that can vouch for others. */
  const [own, alive] = [new Set<number>(), new Set<number>()];
  for (const { item, seq, scheduled, turn } of queued) {
    // Below the floor the queue believes the message acknowledged: it will never deliver it again.
    if (!scheduled && seq <= floor) {
      await scope.backend.queue.drop(seq);
      continue;
    }
    if (turn === checkpoint.items[item]?.turn) own.add(item);
    // A timer of another turn moves nothing that waits now.
    if (!scheduled) alive.add(item);
  }
  const isByStart = Object.values(checkpoint.items).some((item) => item.carrier === START_CARRIER);
  const startWaits =
    isByStart && checkpoint.started && (await startIsAlive(scope, checkpoint, look));
  return Object.entries(checkpoint.items)
    .filter(([key, item]) => {
      if (dueMs(item) === Number.POSITIVE_INFINITY) return false;
      if (own.has(Number(key))) return false;
      if (item.carrier === undefined) return true;
      return item.carrier === START_CARRIER ? !startWaits : !alive.has(item.carrier);
    })
    .map(([key]) => Number(key));
}

async function startIsAlive(
  { backend }: OrchestratorScope,
  { startSeq, workflow, runId }: Checkpoint,
  look: RepairLook,
): Promise<boolean> {
  const floor = await floorOf(backend, look, { kind: "start", workflow });
  if (startSeq <= floor) return false;
  try {
    // A queue that has lost messages gives their places to others.
    return (await backend.queue.startAt(startSeq))?.runId === runId;
  } catch (error) {
    if (isFloxideError(error, "validation")) return false;
    throw error;
  }
}

async function floorOf(
  { queue }: Backend,
  { floors }: RepairLook,
  source: QueueSource,
): Promise<number> {
  return floors === undefined ? queue.ackFloor(source) : floors.of(source);
}

function finding(
  { runId, workflow }: Checkpoint,
  what: RepairFinding["what"],
  items: number,
): RepairFinding {
  return { runId, workflow, what, items, refiled: false };
}
