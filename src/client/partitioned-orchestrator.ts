import { newId } from "../core/new-id.ts";
import { partitionOf, servedOf } from "../core/partition-of.ts";
import type { Page } from "../core/ports/stores.ts";
import type { Backlog } from "../core/ports/work-queue.ts";
import type { DeadLetter } from "../core/records/dead-letter.ts";
import type { Liveness } from "../core/records/liveness.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { WorkerHealth } from "../orchestrator/inspect.ts";
import type { ListRunsQuery } from "../orchestrator/list-query.ts";
import type { Orchestrator, RunId } from "../orchestrator/orchestrator.ts";
import type { RepairOptions } from "../orchestrator/repair.ts";
import type { RepairReport } from "../orchestrator/repair-report.ts";
import type { NewStart, StartOptions } from "../orchestrator/start-run.ts";
import {
  backlogOfAll,
  deadLettersOfAll,
  type InPartition,
  repairAll,
  runsOfAll,
  workersOfAll,
} from "./all-partitions.ts";
import {
  type ConnectOrchestrator,
  DistributedOrchestrator,
  given,
} from "./distributed-orchestrator.ts";
import { openPartitions } from "./partition-backends.ts";

/**
 * Options of an orchestrator, and how many partitions there are. `namespace` is the first part of their namespaces:
 * partition 3 of `app` is `app-3`.
 */
export interface ConnectPartitionedOrchestrator extends ConnectOrchestrator {
  /** How many partitions the system has, 1 to 1000: the same number everywhere. */
  readonly partitions: number;
}

/** Methods that are about one run, whose id comes first: they go to its partition as they are. */
const RUN_VERBS = [
  "status",
  "run",
  "cancel",
  "pause",
  "resume",
  "signal",
  "waitForCompletion",
  "result",
  "outputs",
  "context",
  "errors",
  "metrics",
  "history",
  "pendingWork",
  "listWorkItems",
] as const satisfies readonly (keyof Orchestrator)[];

/** The methods of an orchestrator that are about one run. */
type RunVerbs = Pick<Orchestrator, "startRun" | (typeof RUN_VERBS)[number]>;

/** Sends what is about one run to its partition. */
class Router {
  /** One orchestrator a partition, by its number: for what is asked of one partition only. */
  readonly partitions: readonly DistributedOrchestrator[];

  constructor(partitions: readonly DistributedOrchestrator[]) {
    this.partitions = partitions;
  }

  /** The orchestrator of the run's partition. @throws FloxideError `validation` for what is no run id */
  partition(runId: string): DistributedOrchestrator {
    return this.partitions[partitionOf(runId, this.partitions.length)] as DistributedOrchestrator;
  }

  /** The id is made here where none is given: it says the partition. */
  async startRun(workflow: string, input: unknown, options: StartOptions = {}): Promise<RunId> {
    const { runId } = options;
    if (runId !== undefined) return this.partition(runId).startRun(workflow, input, options);
    const made: NewStart = { ...options, runId: newId(), isNewId: true };
    return this.partition(made.runId).startRun(workflow, input, made);
  }
}

for (const verb of RUN_VERBS) {
  Object.defineProperty(Router.prototype, verb, {
    configurable: true,
    writable: true,
    async value(this: Router, runId: string, ...rest: readonly unknown[]): Promise<unknown> {
      const orchestrator = this.partition(runId);
      const method = orchestrator[verb] as (...args: readonly unknown[]) => Promise<unknown>;
      return method.call(orchestrator, runId, ...rest);
    },
  });
}

/** The router with the types of the methods that it was just given. */
const RunRouter = Router as new (
  partitions: readonly DistributedOrchestrator[],
) => Omit<Router, "startRun"> & RunVerbs;

/**
 * Starts, watches and steers the runs of a system on several partitions: namespaces `<namespace>-0` and up. A run is in the
 * partition that its id says ({@link partitionOf}); all partitions are on one connection.
 */
export class PartitionedOrchestrator extends RunRouter {
  readonly #close: () => Promise<void>;

  private constructor(partitions: readonly DistributedOrchestrator[], close: () => Promise<void>) {
    super(partitions);
    this.#close = close;
  }

  /**
   * Connects to JetStream, creating what is not there in any partition.
   *
   * With `connection` it works on a connection that the host owns: `close` leaves that open.
   *
   * @throws FloxideError `backend` saying what is wrong with the server, `definition` or `validation` for options
   */
  static async connect(options: ConnectPartitionedOrchestrator): Promise<PartitionedOrchestrator> {
    const { partitions, workflows = [], orchestratorId, aliveMs, answerMs, ...jetstream } = options;
    const numbers = servedOf(undefined, partitions);
    const { backends, close } = await openPartitions({ ...jetstream, partitions }, numbers);
    const log = options.logger === undefined ? {} : { log: options.logger };
    const named = orchestratorId ?? `orchestrator-${newId().slice(-12)}`;
    const own = given({ orchestratorId: named, aliveMs, answerMs });
    try {
      const all = backends.map(
        (backend) => new DistributedOrchestrator({ backend, workflows, ...log }, own),
      );
      return new PartitionedOrchestrator(all, close);
    } catch (error) {
      await Promise.all(backends.map((backend) => backend.close()));
      await close();
      throw error;
    }
  }

  get orchestratorId(): string {
    return this.partitions[0]?.orchestratorId ?? "";
  }

  /** Names of the workflows that it can start. */
  workflowNames(): readonly string[] {
    return this.partitions[0]?.workflowNames() ?? [];
  }

  /**
   * Runs of all partitions by status, workflow and time, newest first, a page at a time.
   *
   * Each partition's order is kept; runs of different ones are compared by when they ended or, before that, were created,
   * as the clocks of clients and workers say. It asks each partition for a whole page, and may give fewer than `limit` though
   * the cursor says that there is more.
   *
   * @throws FloxideError `validation` for a query that does not fit, also for a cursor of another number of partitions
   */
  listRuns(query: ListRunsQuery = {}): Promise<Page<RunInfo>> {
    return runsOfAll(this.partitions, query);
  }

  /** What waits in the queues of all partitions, by workflow. */
  backlog(): Promise<readonly Backlog[]> {
    return backlogOfAll(this.partitions);
  }

  /** What each worker of each partition said last, and how long ago. */
  listWorkerHealth(): Promise<readonly InPartition<WorkerHealth>[]> {
    return workersOfAll(this.partitions);
  }

  /** Ids of the workers that are listed in any partition, each once. */
  async listWorkers(): Promise<readonly string[]> {
    const all = await this.#each((orchestrator) => orchestrator.listWorkers());
    return [...new Set(all.flat())];
  }

  /** The workers by liveness. @param thresholdMs - milliseconds without a heartbeat that make one stale */
  async checkWorkerLiveness(
    thresholdMs?: number,
  ): Promise<Readonly<Record<Liveness, readonly string[]>>> {
    const all = await this.#each((orchestrator) => orchestrator.checkWorkerLiveness(thresholdMs));
    const sorted = (liveness: Liveness) => [...new Set(all.flatMap((one) => one[liveness]))];
    return { alive: sorted("alive"), stale: sorted("stale"), dead: sorted("dead") };
  }

  /** How alive each worker is, by its id; where one id stands in several partitions, the worst of it. */
  async liveness(): Promise<Readonly<Record<string, Liveness>>> {
    const sorted = await this.checkWorkerLiveness();
    const worstLast = ["alive", "stale", "dead"] as const;
    return Object.fromEntries(worstLast.flatMap((one) => sorted[one].map((id) => [id, one])));
  }

  /** Messages that could not be taken in any partition, newest first, a page at a time. */
  deadLetters(
    options: { readonly limit?: number; readonly cursor?: string | null } = {},
  ): Promise<Page<InPartition<DeadLetter>>> {
    return deadLettersOfAll(this.partitions, options);
  }

  /**
   * Looks at every partition, or at the one of `runId`, for runs that should move and have nothing that will move them
   * (see {@link Orchestrator.repair}). One that cannot be looked at does not keep the others from it.
   *
   * @returns what was found in all of them together
   * @throws FloxideError `not_found` for a `runId` that nobody knows; what the first partition threw that failed, when the
   * others are done
   */
  repair(options: RepairOptions = {}): Promise<RepairReport> {
    if (options.runId === undefined) return repairAll(this.partitions, options);
    return this.partition(options.runId).repair(options);
  }

  /** Ends its watches and, unless the host owns it, its connection. */
  async close(): Promise<void> {
    try {
      await this.#each((orchestrator) => orchestrator.close());
    } finally {
      await this.#close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #each<T>(ask: (orchestrator: DistributedOrchestrator) => Promise<T>): Promise<readonly T[]> {
    return Promise.all(this.partitions.map(ask));
  }
}
