import type { Backend } from "../../src/core/ports/backend.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { WorkerOptions } from "../../src/worker/options.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";

/** Orchestrators and workers on one memory world, all closed at the end of the test. */
export class System implements AsyncDisposable {
  readonly world: MemoryWorld;
  readonly backend: Backend;
  readonly orchestrator: Orchestrator;
  readonly #open: (() => Promise<void>)[] = [];

  constructor(
    workflows: readonly AnyWorkflow[],
    options: ConstructorParameters<typeof MemoryWorld>[0] = {},
  ) {
    this.world = new MemoryWorld({ ackWaitMs: 500, ...options });
    this.backend = this.world.open();
    this.orchestrator = new Orchestrator(
      { backend: this.backend, workflows },
      { pauseAnswerMs: 200 },
    );
    this.#open.push(
      () => this.backend.close(),
      () => this.orchestrator.close(),
    );
  }

  /** Another worker, started. */
  async worker(workflows: readonly AnyWorkflow[], options: WorkerOptions = {}): Promise<Worker> {
    const backend = this.world.open();
    const worker = new Worker({ backend, workflows }, { concurrency: 8, graceMs: 50, ...options });
    this.#open.push(
      () => backend.close(),
      () => worker.stop(),
    );
    await worker.start();
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close();
  }
}

/** A promise and its resolve. */
export function gate<T = void>(): {
  readonly promise: Promise<T>;
  readonly open: (value: T) => void;
} {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
