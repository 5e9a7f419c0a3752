import type { RunStatus } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Page, RunFilter } from "../core/ports/stores.ts";
import type { Backlog } from "../core/ports/work-queue.ts";
import type { DeadLetter } from "../core/records/dead-letter.ts";
import type { HistoryEvent } from "../core/records/history-event.ts";
import type { Liveness } from "../core/records/liveness.ts";
import type { RunMetrics } from "../core/records/metrics.ts";
import type { RunError } from "../core/records/run-error.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { AnyWorkflow, Fields, InitialOf, Workflow } from "../workflows/index.ts";
import { WorkflowRegistry } from "../workflows/index.ts";
import type { WaitOptions } from "./await-run.ts";
import { Ends } from "./await-run.ts";
import { runInfo } from "./find-run.ts";
import type { PendingWork, WorkerHealth, WorkItem } from "./inspect.ts";
import * as inspect from "./inspect.ts";
import type { OrchestratorOptions } from "./options.ts";
import { resolveOrchestratorOptions } from "./options.ts";
import type { RepairReport } from "./repair.ts";
import { FIRST_LOOK, repairRuns } from "./repair.ts";
import type { OrchestratorScope } from "./scope.ts";
import type { StartOptions } from "./start-run.ts";
import { startRun } from "./start-run.ts";
import { cancelRun, pauseRun, resumeRun, signalRun } from "./steer.ts";

export interface OrchestratorParts {
  readonly backend: Backend;
  /** Workflows that it can start. Runs of others can be watched and steered all the same. */
  readonly workflows?: readonly AnyWorkflow[];
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** A run id that remembers what its run gives, for {@link Orchestrator.result}. It is a string like any other. */
export type RunId<Out = Json> = string & { readonly "~output"?: Out };

/** Which page of which runs. */
export interface ListRunsQuery extends RunFilter {
  /** Runs on a page, 1 to 1000. @default 50 */
  readonly limit?: number;
  /** `cursor` of the page before. */
  readonly cursor?: string | null;
}

/** Starts, watches and steers runs. Executes none of their nodes. */
export class Orchestrator {
  readonly #scope: OrchestratorScope;
  readonly #ends: Ends;
  #repairFrom = FIRST_LOOK;
  readonly #prepared = new Map<string, Promise<void>>();

  /** @throws FloxideError `definition` for options that do not fit, `fingerprint` for workflows that clash */
  constructor(parts: OrchestratorParts, options: OrchestratorOptions = {}) {
    this.#scope = {
      backend: parts.backend,
      registry: new WorkflowRegistry(parts.workflows ?? []),
      options: resolveOrchestratorOptions(options),
      clock: parts.clock ?? systemClock,
      log: parts.log ?? silentLogger,
    };
    this.#ends = new Ends(this.#scope);
  }

  get orchestratorId(): string {
    return this.#scope.options.orchestratorId;
  }

  /** Names of the workflows that it can start. */
  workflowNames(): readonly string[] {
    return this.#scope.registry.names();
  }

  /**
   * Starts a run and resolves with its id, once the start request is kept: from then on the run will reach an end.
   *
   * @param workflow - a workflow, or the name of one that this orchestrator was given
   * @throws FloxideError `validation`, `not_found` for an unknown name, `conflict` where the run id belongs to a run
   * with another input, `payload_too_large`, `backend`
   */
  // By name first: the compiler reports the last one that does not fit, and most calls give a workflow.
  startRun(workflow: string, input: unknown, options?: StartOptions): Promise<RunId>;
  startRun<F extends Fields, In, Out>(
    workflow: Workflow<F, In, Out>,
    input: NoInfer<In>,
    options?: StartOptions<InitialOf<F>>,
  ): Promise<RunId<Out>>;
  async startRun(
    workflow: AnyWorkflow | string,
    input: unknown,
    options: StartOptions = {},
  ): Promise<RunId> {
    const known = typeof workflow === "string" ? this.#scope.registry.get(workflow) : workflow;
    await this.#prepare(known.name);
    return startRun(this.#scope, known, input, options);
  }

  /** @throws FloxideError `not_found` */
  async status(runId: string): Promise<RunStatus> {
    return (await runInfo(this.#scope, runId)).status;
  }

  /** What lists show of the run. @throws FloxideError `not_found` */
  run(runId: string): Promise<RunInfo> {
    return runInfo(this.#scope, runId);
  }

  /** Runs by status, workflow and time, newest first, a page at a time. */
  async listRuns(query: ListRunsQuery = {}): Promise<Page<RunInfo>> {
    const { limit = 50, cursor = null, ...filter } = query;
    checkLimit(limit);
    return this.#scope.backend.runs.list(filter, limit, cursor);
  }

  /**
   * Cancels the run. When this has returned nothing of it commits any more, and its queued work is gone.
   *
   * @throws FloxideError `not_found`, `illegal_state` where it completed or failed
   */
  cancel(runId: string): Promise<void> {
    return cancelRun(this.#scope, runId);
  }

  /**
   * Pauses the run. When this has returned no new node of it starts; what runs now may still commit.
   *
   * @throws FloxideError `not_found`, `illegal_state` where it has ended
   */
  pause(runId: string): Promise<void> {
    return pauseRun(this.#scope, runId);
  }

  /**
   * Lets a paused run go on, or a failed one try again from exactly where it failed.
   *
   * @throws FloxideError `not_found`, `illegal_state` where it is running, completed or cancelled
   */
  resume(runId: string): Promise<void> {
    return resumeRun(this.#scope, runId);
  }

  /**
   * Sends a signal to an item that waits for it, or will.
   *
   * @throws FloxideError `not_found`, `illegal_state` where the run has ended, `validation`
   */
  signal(
    runId: string,
    name: string,
    payload?: unknown,
    options: { readonly signalId?: string } = {},
  ): Promise<void> {
    return signalRun(this.#scope, runId, name, payload, options.signalId);
  }

  /**
   * Resolves when the run has ended, however it ended. Watches; never polls.
   *
   * @throws FloxideError `not_found`, `timeout`, `cancelled` when the signal was aborted
   */
  waitForCompletion(runId: string, options: WaitOptions = {}): Promise<RunInfo> {
    return this.#ends.of(runId, options);
  }

  /**
   * What the run gave: the value of the end that was reached last. Null where no end was reached: each item held.
   *
   * @throws RunFailedError with the recorded failure; FloxideError `cancelled`, `illegal_state` while it goes on,
   * `not_found`
   */
  result<Out>(runId: RunId<Out>): Promise<Out>;
  result(runId: string): Promise<Json>;
  result(runId: string): Promise<unknown> {
    return inspect.resultOf(this.#scope, runId);
  }

  /** All values that ends of the graph gave, in the order of their commits. @throws FloxideError `not_found` */
  async outputs(runId: string): Promise<readonly Json[]> {
    return (await inspect.checkpointOf(this.#scope, runId))?.outputs ?? [];
  }

  /** The context as of the last commit. @throws FloxideError `not_found` */
  async context(runId: string): Promise<Readonly<Record<string, Json>>> {
    return (await inspect.checkpointOf(this.#scope, runId))?.context ?? {};
  }

  /** Failed attempts, oldest first. @param limit - the newest so many. @default 100 */
  async errors(
    runId: string,
    options: { readonly limit?: number } = {},
  ): Promise<readonly RunError[]> {
    return inspect.errorsOf(this.#scope, runId, checkLimit(options.limit ?? 100));
  }

  /** Counts and timings, for the run and by node. @throws FloxideError `not_found` */
  metrics(runId: string): Promise<RunMetrics> {
    return inspect.metricsOf(this.#scope, runId);
  }

  /** What happened to the run, in order. @throws FloxideError `not_found` */
  async history(
    runId: string,
    options: { readonly after?: number; readonly limit?: number } = {},
  ): Promise<readonly HistoryEvent[]> {
    return inspect.historyOf(
      this.#scope,
      runId,
      options.after ?? 0,
      checkLimit(options.limit ?? 1_000),
    );
  }

  /** What waits of the run, and how many messages it has in the queue. @throws FloxideError `not_found` */
  pendingWork(runId: string): Promise<PendingWork> {
    return inspect.pendingWorkOf(this.#scope, runId);
  }

  /** Items of the run that have not ended. @throws FloxideError `not_found` */
  listWorkItems(runId: string): Promise<readonly WorkItem[]> {
    return inspect.workItemsOf(this.#scope, runId);
  }

  /** What waits in the queue, by workflow. */
  backlog(): Promise<readonly Backlog[]> {
    return this.#scope.backend.queue.backlog();
  }

  /** How alive each worker is, by its id. */
  async liveness(): Promise<Readonly<Record<string, Liveness>>> {
    const workers = await this.listWorkerHealth();
    return Object.fromEntries(workers.map(({ workerId, liveness }) => [workerId, liveness]));
  }

  /** Ids of the workers that are listed. A worker that stopped in order is not; one that died is, for some minutes. */
  async listWorkers(): Promise<readonly string[]> {
    return (await this.listWorkerHealth()).map(({ workerId }) => workerId);
  }

  /** What each worker said last, and how long ago. */
  listWorkerHealth(): Promise<readonly WorkerHealth[]> {
    return inspect.workerHealth(this.#scope, this.#scope.options.aliveMs);
  }

  /** The workers by liveness. @param thresholdMs - milliseconds without a heartbeat that make one stale */
  async checkWorkerLiveness(
    thresholdMs: number = this.#scope.options.aliveMs,
  ): Promise<Readonly<Record<Liveness, readonly string[]>>> {
    const sorted: Record<Liveness, string[]> = { alive: [], stale: [], dead: [] };
    for (const { workerId, liveness } of await inspect.workerHealth(this.#scope, thresholdMs)) {
      sorted[liveness].push(workerId);
    }
    return sorted;
  }

  /** Messages that could not be taken, newest first. @param before - only letters older than this id */
  async deadLetters(
    options: { readonly limit?: number; readonly before?: number | null } = {},
  ): Promise<readonly DeadLetter[]> {
    return this.#scope.backend.deadLetters.list(
      checkLimit(options.limit ?? 50),
      options.before ?? null,
    );
  }

  /**
   * Looks for runs that should move and have nothing that will move them, and queues them again. Idempotent.
   *
   * @param quietMs - milliseconds since its last commit after which a run is looked at. @default twice the
   * acknowledgement wait of the queue
   */
  async repair(options: { readonly quietMs?: number } = {}): Promise<RepairReport> {
    const quietMs = options.quietMs ?? 2 * this.#scope.backend.queue.ackWaitMs;
    const { report, next } = await repairRuns(this.#scope, quietMs, this.#repairFrom);
    this.#repairFrom = next;
    return report;
  }

  /** Ends the watch. The backend is closed by whoever opened it. */
  close(): Promise<void> {
    return this.#ends.close();
  }

  #prepare(workflow: string): Promise<void> {
    const known = this.#prepared.get(workflow);
    if (known !== undefined) return known;
    const preparing = this.#scope.backend.queue.prepare(workflow);
    this.#prepared.set(workflow, preparing);
    preparing.catch(() => this.#prepared.delete(workflow));
    return preparing;
  }
}

/** @throws FloxideError `validation` */
function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  const message = `a page has 1 to 1000 entries, not ${limit}`;
  throw new FloxideError("validation", message, { details: { limit } });
}
