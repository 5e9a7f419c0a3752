import type { RunStatus } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Page } from "../core/ports/stores.ts";
import type { Backlog } from "../core/ports/work-queue.ts";
import type { DeadLetter } from "../core/records/dead-letter.ts";
import type { HistoryEvent } from "../core/records/history-event.ts";
import type { Liveness } from "../core/records/liveness.ts";
import type { RunMetrics } from "../core/records/metrics.ts";
import type { RunError } from "../core/records/run-error.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { AnyWorkflow, Fields, InitialOf, Workflow } from "../workflows/index.ts";
import { isWorkflow, WorkflowRegistry } from "../workflows/index.ts";
import type { WaitOptions } from "./await-run.ts";
import { Ends } from "./await-run.ts";
import { runInfo } from "./find-run.ts";
import type { PendingWork, WorkerHealth, WorkItem } from "./inspect.ts";
import * as inspect from "./inspect.ts";
import type { ListRunsQuery } from "./list-query.ts";
import { checkQuery } from "./list-query.ts";
import type { OrchestratorOptions } from "./options.ts";
import { resolveOrchestratorOptions } from "./options.ts";
import type { RepairOptions } from "./repair.ts";
import { Repairs } from "./repair.ts";
import type { RepairReport } from "./repair-report.ts";
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

/** Starts, watches and steers runs. Executes none of their nodes. */
export class Orchestrator {
  readonly #scope: OrchestratorScope;
  readonly #ends: Ends;
  readonly #repairs: Repairs;
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
    this.#repairs = new Repairs(this.#scope);
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
    if (!isWorkflow(known)) throw noWorkflow();
    await this.#prepare(known.name);
    return startRun(this.#scope, known, input, options, this.#ends);
  }

  /** @throws FloxideError `not_found` */
  async status(runId: string): Promise<RunStatus> {
    return (await runInfo(this.#scope, runId)).status;
  }

  /** What lists show of the run. @throws FloxideError `not_found` */
  run(runId: string): Promise<RunInfo> {
    return runInfo(this.#scope, runId);
  }

  /**
   * Runs by status, workflow and time, a page at a time: by when they came to their status, newest first.
   *
   * One whose status changes while you page moves to the top: it may be missing from the pages after, or come twice.
   */
  async listRuns(query: ListRunsQuery = {}): Promise<Page<RunInfo>> {
    const { limit = 50, cursor = null, ...filter } = checkQuery(query);
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
      checkPosition(options.after ?? 0, "after"),
      checkLimit(options.limit ?? 1_000, 10_000),
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
      checkPosition(options.before ?? null, "before"),
    );
  }

  /**
   * Looks for runs that should move and have nothing that will move them, and queues them again. Idempotent.
   *
   * The usual look is at up to ten thousand runs that have not ended; the next goes on from there. After a backup was
   * restored, see `restored`.
   * @throws FloxideError `not_found` for a `runId` that nobody knows
   */
  repair(options: RepairOptions = {}): Promise<RepairReport> {
    return this.#repairs.look(options);
  }

  /** Ends the watch. The backend is closed by whoever opened it. */
  async close(): Promise<void> {
    this.#repairs.close();
    this.#ends.close();
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

const noWorkflow = (): FloxideError =>
  new FloxideError("validation", "startRun needs a workflow, or the name of one");

/** @throws FloxideError `validation` */
function checkPosition<T extends number | null>(given: T, name: string): T {
  if (given === null || (Number.isSafeInteger(given) && given >= 0)) return given;
  throw new FloxideError("validation", `${name} must be a whole number of 0 or more`);
}

/** @throws FloxideError `validation` */
function checkLimit(limit: number, most = 1_000): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  // Callers without types give anything, also what has no text.
  const given = typeof limit === "number" ? String(limit) : `what is a ${typeof limit}`;
  const message = `a page has 1 to ${most} entries, not ${given}`;
  throw new FloxideError("validation", message, { details: { most } });
}
