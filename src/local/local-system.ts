import { type Clock, systemClock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Backend } from "../core/ports/backend.ts";
import { MemoryWorld } from "../memory/world.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { WorkerOptions } from "../worker/options.ts";
import { Worker } from "../worker/worker.ts";
import type { AnyWorkflow } from "../workflows/index.ts";

export interface LocalSystemOptions extends Pick<WorkerOptions, "concurrency" | "retry"> {
  readonly workflows: readonly AnyWorkflow[];
  readonly logger?: Logger;
  /** Where time comes from: with a `ManualClock` retries, holds and timeouts wait for the test. @default the machine's */
  readonly clock?: Clock;
}

/**
 * An orchestrator and a worker in this process, with no server: the same engine on stores in memory. Nothing is kept;
 * for tests, scripts and a first look.
 */
export class LocalSystem implements AsyncDisposable {
  readonly orchestrator: Orchestrator;
  readonly #worker: Worker;
  readonly #backend: Backend;

  private constructor({ workflows, logger, clock = systemClock, ...options }: LocalSystemOptions) {
    const log = logger === undefined ? {} : { log: logger };
    this.#backend = new MemoryWorld({ clock }).open();
    const parts = { backend: this.#backend, workflows, clock, ...log };
    this.orchestrator = new Orchestrator(parts);
    this.#worker = new Worker(parts, options);
  }

  /** @throws FloxideError `definition` for options that do not fit, `fingerprint` for workflows that clash */
  static async start(options: LocalSystemOptions): Promise<LocalSystem> {
    const system = new LocalSystem(options);
    await system.#worker.start();
    return system;
  }

  /** Ends it: running nodes are aborted. */
  async stop(): Promise<void> {
    await this.#worker.stop({ graceMs: 0 });
    await this.orchestrator.close();
    await this.#backend.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
