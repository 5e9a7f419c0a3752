import type { Checkpoint, Item, RunStatus } from "../core/checkpoint/checkpoint.ts";
import { isTerminal, outputOf } from "../core/checkpoint/checkpoint.ts";
import type { ItemState } from "../core/checkpoint/inspect.ts";
import { itemState } from "../core/checkpoint/inspect.ts";
import { FloxideError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { HistoryEvent } from "../core/records/history-event.ts";
import { historyOf as eventsOf } from "../core/records/history-event.ts";
import type { Heartbeat, Liveness } from "../core/records/liveness.ts";
import { livenessOf } from "../core/records/liveness.ts";
import type { RunMetrics } from "../core/records/metrics.ts";
import { toRunMetrics } from "../core/records/metrics.ts";
import type { RunError } from "../core/records/run-error.ts";
import { RunFailedError } from "../core/run-failed-error.ts";
import { checkRunId } from "../core/token.ts";
import { type FoundRun, findRun } from "./find-run.ts";
import type { OrchestratorScope } from "./scope.ts";

/** A work item as lists show it. */
export interface WorkItem {
  readonly runId: string;
  /** Number of the item, unique in its run. */
  readonly item: number;
  readonly node: string;
  /** `pending`: queued. `cancelled`: with its run. `in_progress`: a worker said, some seconds ago at most, that it executes it. */
  readonly state: ItemState | "in_progress" | "cancelled";
  readonly attempt: number;
  /** Signal that it waits for, or null. */
  readonly waitsFor: string | null;
  /** ISO time before which it does not run, or null. */
  readonly notBefore: string | null;
  /** How its last attempt failed, or null. */
  readonly failure: Failure | null;
}

/** What waits of a run. */
export interface PendingWork {
  readonly runId: string;
  /** Items that have not ended, whatever they wait for. */
  readonly items: readonly WorkItem[];
  /** Messages of the run in the work queue now. */
  readonly queued: number;
  /** True while no worker has taken the start request. */
  readonly accepted: boolean;
}

/** A worker with what its heartbeat says, and how old that is. */
export interface WorkerHealth extends Heartbeat {
  readonly liveness: Liveness;
  /** Milliseconds since the last heartbeat. */
  readonly ageMs: number;
}

/** @throws FloxideError `not_found` */
export async function checkpointOf(
  scope: OrchestratorScope,
  runId: string,
): Promise<Checkpoint | null> {
  const found = await findRun(scope, runId);
  return found.type === "begun" ? found.view.checkpoint : null;
}

/** What the run gave. @throws RunFailedError, FloxideError `cancelled`, `illegal_state` while it goes on, `not_found` */
export async function resultOf(scope: OrchestratorScope, runId: string): Promise<Json> {
  const found = await findRun(scope, runId);
  const { status, output, failure } = endOf(found);
  if (status === "completed") return output;
  if (status === "failed") {
    const where = failure?.node == null ? "" : ` in node "${failure.node}"`;
    throw new RunFailedError(
      `run "${runId}" failed${where}: ${failure?.message ?? "for an unknown reason"}`,
      {
        runId,
        node: failure?.node ?? null,
        item: failure?.item ?? null,
        attempt: failure?.attempt ?? null,
      },
      failure,
    );
  }
  if (status === "cancelled") {
    throw new FloxideError("cancelled", `run "${runId}" was cancelled`, { details: { runId } });
  }
  throw new FloxideError("illegal_state", `run "${runId}" has no result yet: it is ${status}`, {
    details: { runId, status },
  });
}

/** How a run ended: what its checkpoint says, or where that is lost what is left of it in the lists. */
interface End {
  readonly status: RunStatus;
  readonly output: Json;
  readonly failure: Failure | null;
}

function endOf(found: FoundRun): End {
  if (found.type === "begun") {
    const { checkpoint } = found.view;
    const { status, failure = null } = checkpoint;
    return { status, output: outputOf(checkpoint), failure };
  }
  const { info } = found;
  const output = info.status === "completed" ? info.output : null;
  return { status: info.status, output, failure: info.status === "failed" ? info.failure : null };
}

/** Failed attempts, oldest first. @param limit - the newest so many */
export async function errorsOf(
  scope: OrchestratorScope,
  runId: string,
  limit: number,
): Promise<readonly RunError[]> {
  const [errors] = await Promise.all([
    scope.backend.errors.list(checkRunId(runId), limit),
    findRun(scope, runId),
  ]);
  return errors;
}

/** Figures of a run: of its last commit while it goes on. */
export async function metricsOf(scope: OrchestratorScope, runId: string): Promise<RunMetrics> {
  const found = await findRun(scope, runId);
  if (found.type === "begun") return toRunMetrics(found.view.checkpoint);
  const { workflow, status } = found.info;
  const kept = isTerminal(status) ? await scope.backend.metrics.get(runId) : null;
  if (kept !== null) return kept;
  const none = { items: 0, completed: 0, failed: 0, retries: 0, lost: 0 };
  return { runId, workflow, status, ...none, elapsedMs: 0, nodes: {} };
}

/** Events of the run after number `after`, in order: those in the history stream, then those in its checkpoint. */
export async function historyOf(
  scope: OrchestratorScope,
  runId: string,
  after: number,
  limit: number,
): Promise<readonly HistoryEvent[]> {
  const found = await findRun(scope, runId);
  const { workflow } = found.type === "begun" ? found.view.checkpoint : found.info;
  const kept = await scope.backend.history.list(workflow, runId, after, limit);
  if (found.type === "accepted") return kept;
  const newest = kept.at(-1)?.number ?? after;
  const recent = eventsOf(found.view.checkpoint, newest);
  return [...kept, ...recent].slice(0, limit);
}

/** Items of the run that have not ended, by number. */
export async function workItemsOf(
  scope: OrchestratorScope,
  runId: string,
): Promise<readonly WorkItem[]> {
  const checkpoint = await checkpointOf(scope, runId);
  if (checkpoint === null) return [];
  const running = await runningItems(scope, runId);
  const now = scope.clock.now();
  const stateOf = (id: number, item: Item): WorkItem["state"] => {
    if (checkpoint.status === "cancelled") return "cancelled";
    return running.has(id) ? "in_progress" : itemState(item, now);
  };
  return Object.entries(checkpoint.items).map(([key, item]) =>
    toWorkItem(runId, Number(key), item, stateOf(Number(key), item), checkpoint.failure),
  );
}

export async function pendingWorkOf(scope: OrchestratorScope, runId: string): Promise<PendingWork> {
  const found = await findRun(scope, runId);
  if (found.type === "accepted") return { runId, items: [], queued: 1, accepted: true };
  const { checkpoint } = found.view;
  const [items, queued] = await Promise.all([
    workItemsOf(scope, runId),
    scope.backend.queue.queued(checkpoint.workflow, runId),
  ]);
  return { runId, items, queued: queued.length, accepted: !checkpoint.started };
}

/** All workers that are listed, by id, with their liveness. @param aliveMs - threshold in milliseconds */
export async function workerHealth(
  scope: OrchestratorScope,
  aliveMs: number,
): Promise<readonly WorkerHealth[]> {
  const now = scope.clock.now();
  return (await scope.backend.liveness.list())
    .map((heartbeat) => ({
      ...heartbeat,
      liveness: livenessOf(heartbeat, now, aliveMs),
      ageMs: Math.max(0, now - Date.parse(heartbeat.at)),
    }))
    .sort((a, b) => (a.workerId < b.workerId ? -1 : 1));
}

async function runningItems(scope: OrchestratorScope, runId: string): Promise<ReadonlySet<number>> {
  const running = new Set<number>();
  for (const worker of await workerHealth(scope, scope.options.aliveMs)) {
    if (worker.liveness === "dead") continue;
    for (const { runId: of, item } of worker.current) if (of === runId) running.add(item);
  }
  return running;
}

function toWorkItem(
  runId: string,
  id: number,
  item: Item,
  state: WorkItem["state"],
  failure: Failure | undefined,
): WorkItem {
  return {
    runId,
    item: id,
    node: item.node,
    state,
    attempt: item.attempt,
    waitsFor: item.hold?.for ?? null,
    notBefore: item.notBefore ?? item.hold?.until ?? null,
    failure: (item.failed === true ? failure : item.failure) ?? null,
  };
}
