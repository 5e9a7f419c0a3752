import { hostname } from "node:os";
import { newId } from "../core/new-id.ts";
import { servedOf } from "../core/partition-of.ts";
import { resolveWorkerOptions } from "../worker/options.ts";
import { registryOf } from "../worker/worker.ts";
import { type ConnectWorker, DistributedWorker, splitWorkerOptions } from "./distributed-worker.ts";
import { openPartitions } from "./partition-backends.ts";

import { WorkerGroup } from "./worker-group.ts";

/**
 * Options of a worker, how many partitions there are, and which of them it works for. `namespace` is the first part of
 * their namespaces: partition 3 of `app` is `app-3`. `concurrency` is that of the process: each partition has an equal part
 * of it, and one slot at least.
 */
export interface ConnectPartitionedWorker extends ConnectWorker {
  /** How many partitions the system has, 1 to 1000: the same number everywhere. */
  readonly partitions: number;
  /**
   * Numbers of the partitions to work for. Fewer cost less while idle, and leave each more slots; every partition needs a
   * worker somewhere.
   * @default all
   */
  readonly serve?: readonly number[];
}

/** One worker for each partition, on one connection, started and stopped together. */
export class PartitionedWorker extends WorkerGroup {
  readonly #close: () => Promise<void>;

  private constructor(workers: readonly DistributedWorker[], close: () => Promise<void>) {
    super(workers);
    this.#close = close;
  }

  /**
   * Connects to JetStream, creating what is not there. `start` begins to work. The worker of partition 3 has the worker id
   * with `-3` behind it.
   *
   * @throws FloxideError what {@link DistributedWorker.connect} throws, `definition` for partitions that there are not
   */
  static async connect(options: ConnectPartitionedWorker): Promise<PartitionedWorker> {
    const { partitions, serve, ...rest } = options;
    const served = servedOf(serve, partitions);
    const { workflows, jetstream, worker } = splitWorkerOptions(rest);
    registryOf(workflows);
    const { concurrency } = resolveWorkerOptions(worker);
    const workerId = worker.workerId ?? `${hostname()}-${newId().slice(-12)}`;
    const log = options.logger === undefined ? {} : { log: options.logger };
    const { backends, close } = await openPartitions({ ...jetstream, partitions }, served);
    try {
      const workers = backends.map((backend, i) => {
        const own = {
          workerId: `${workerId}-${served[i]}`,
          concurrency: shareOf(concurrency, served.length, i),
        };
        return new DistributedWorker({ backend, workflows, ...log }, { ...worker, ...own });
      });
      return new PartitionedWorker(workers, close);
    } catch (error) {
      await Promise.all(backends.map((backend) => backend.close()));
      await close();
      throw error;
    }
  }

  /** Drains and stops all workers, then closes the connection unless the host owns it. */
  override async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    try {
      await super.stop(options);
    } finally {
      await this.#close();
    }
  }
}

/** What one of so many gets: the first ones take what does not come out even. */
const shareOf = (slots: number, many: number, index: number): number =>
  Math.max(1, Math.floor(slots / many) + (index < slots % many ? 1 : 0));
