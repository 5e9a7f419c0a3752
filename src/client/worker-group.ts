import type { Heartbeat } from "../core/records/liveness.ts";
import type { DistributedWorker } from "./distributed-worker.ts";

/** Workers of one process, started and stopped together. */
export class WorkerGroup {
  readonly #workers: readonly DistributedWorker[];

  protected constructor(workers: readonly DistributedWorker[]) {
    this.#workers = workers;
  }

  /** Starts all workers. */
  async start(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.start()));
  }

  /** Drains and stops all workers. */
  async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(options)));
  }

  /** What each worker says of itself. */
  health(): readonly Heartbeat[] {
    return this.#workers.map((worker) => worker.health());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
