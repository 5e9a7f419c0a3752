import type { Backend } from "../../src/core/ports/backend.ts";
import { WIDTHS, type Widths } from "../../src/engine/outside.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { WorkerOptions } from "../../src/worker/options.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";
import { type Alterations, altered } from "./altered.ts";

/** Orchestrators and workers on one memory world, all closed at the end of the test. */
export class System implements AsyncDisposable {
  readonly world: MemoryWorld;
  readonly backend: Backend;
  readonly orchestrator: Orchestrator;
  /** Of forks, for workers to come. */
  widths: Widths = WIDTHS;
  readonly #open: (() => Promise<void>)[] = [];

  constructor(
    workflows: readonly AnyWorkflow[],
    options: ConstructorParameters<typeof MemoryWorld>[0] = {},
  ) {
    this.world = new MemoryWorld({ ackWaitMs: 500, ...options });
    this.backend = this.world.open();
    const { clock } = options;
    const parts = { backend: this.backend, workflows, ...(clock === undefined ? {} : { clock }) };
    this.orchestrator = new Orchestrator(parts, { answerMs: 200 });
    this.#open.push(
      () => this.backend.close(),
      () => this.orchestrator.close(),
    );
  }

  /** Another worker, started. */
  async worker(
    workflows: readonly AnyWorkflow[],
    options: WorkerOptions = {},
    alterations: Alterations = {},
  ): Promise<Worker> {
    const worker = this.idleWorker(workflows, options, alterations);
    await worker.start();
    return worker;
  }

  /** Another worker, not started: the test takes message by message with `runOnce`. */
  idleWorker(
    workflows: readonly AnyWorkflow[],
    options: WorkerOptions = {},
    alterations: Alterations = {},
  ): Worker {
    const backend = this.open(alterations);
    const { widths } = this;
    const worker = new Worker(
      { backend, workflows, widths },
      { concurrency: 8, graceMs: 50, ...options },
    );
    this.#open.push(() => worker.stop());
    return worker;
  }

  /** Another orchestrator, which sees the world with these alterations. */
  orchestratorOn(workflows: readonly AnyWorkflow[], alterations: Alterations): Orchestrator {
    const orchestrator = new Orchestrator(
      { backend: this.open(alterations), workflows },
      { answerMs: 200 },
    );
    this.#open.push(() => orchestrator.close());
    return orchestrator;
  }

  /** Another backend on the same world. */
  open(alterations: Alterations = {}): Backend {
    const backend = this.world.open();
    this.#open.push(() => backend.close());
    return altered(backend, alterations);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close();
  }
}
