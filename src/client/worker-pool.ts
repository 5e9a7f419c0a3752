import { FloxideError } from "../core/errors.ts";
import type { ConnectWorker } from "./distributed-worker.ts";
import { DistributedWorker } from "./distributed-worker.ts";
import { WorkerGroup } from "./worker-group.ts";

/** Options of a pool: those of a worker, and how many of them. */
export interface ConnectPool extends ConnectWorker {
  /**
   * Workers in this process, each with its own connection and slots. They share one core: for nodes that compute,
   * start more processes.
   * @default 2
   */
  readonly workers?: number;
}

/** Several workers in one process, started and stopped together. */
export class WorkerPool extends WorkerGroup {
  /** Connects all workers. @throws what {@link DistributedWorker.connect} throws; none is left connected then */
  static async connect(options: ConnectPool): Promise<WorkerPool> {
    const { workers = 2, workerId, ...rest } = options;
    if (!Number.isInteger(workers) || workers < 1) {
      throw new FloxideError("definition", `a pool has 1 worker or more, not ${workers}`);
    }
    const settled = await Promise.allSettled(
      Array.from({ length: workers }, (_, i) =>
        DistributedWorker.connect({
          ...rest,
          ...(workerId === undefined ? {} : { workerId: `${workerId}-${i + 1}` }),
        }),
      ),
    );
    const connected = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = settled.find((one) => one.status === "rejected");
    if (failed === undefined) return new WorkerPool(connected);
    await Promise.all(connected.map((worker) => worker.stop()));
    throw failed.reason;
  }
}
