import type { Backend } from "../core/ports/backend.ts";
import { openJetStreamBackend } from "../jetstream/backend.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import type { WorkerOptions } from "../worker/options.ts";
import type { WorkerParts } from "../worker/worker.ts";
import { registryOf, Worker } from "../worker/worker.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { given } from "./distributed-orchestrator.ts";

/** Where JetStream is, which workflows to work for, and how. */
export interface ConnectWorker extends JetStreamOptions, WorkerOptions {
  readonly workflows: readonly AnyWorkflow[];
}

/** Executes work of its workflows on JetStream. Start more of them for more throughput. */
export class DistributedWorker extends Worker {
  readonly #backend: Backend;

  /** For an adapter of your own; else see {@link DistributedWorker.connect}. The backend is closed by `stop`. */
  constructor(parts: WorkerParts, options: WorkerOptions = {}) {
    super(parts, options);
    this.#backend = parts.backend;
  }

  /**
   * Connects to JetStream, creating what is not there. `start` begins to work.
   *
   * @throws FloxideError `backend` saying what is wrong with the server, `definition` or `validation` for options,
   * `fingerprint` for two graphs with one name and version
   */
  static async connect(options: ConnectWorker): Promise<DistributedWorker> {
    const { workflows, jetstream, worker } = splitWorkerOptions(options);
    registryOf(workflows);
    const backend = await openJetStreamBackend(jetstream);
    try {
      return new DistributedWorker(
        { backend, workflows, ...(options.logger === undefined ? {} : { log: options.logger }) },
        worker,
      );
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  /** Drains (see {@link Worker.stop}), then closes the connection unless the host owns it. */
  override async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    await super.stop(options);
    await this.#backend.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Which options are the worker's own, and which JetStream's. */
export function splitWorkerOptions(options: ConnectWorker): {
  readonly workflows: readonly AnyWorkflow[];
  readonly jetstream: JetStreamOptions;
  readonly worker: WorkerOptions;
} {
  const {
    workflows,
    concurrency,
    workerId,
    heartbeatMs,
    graceMs,
    maxLost,
    stepsInPlace,
    retry,
    ...jetstream
  } = options;
  const own = { concurrency, workerId, heartbeatMs, graceMs, maxLost, stepsInPlace, retry };
  return { workflows, jetstream, worker: given(own) };
}
