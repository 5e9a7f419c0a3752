import type { Backend } from "../core/ports/backend.ts";
import { openJetStreamBackend } from "../jetstream/backend.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import type { OrchestratorOptions } from "../orchestrator/options.ts";
import type { OrchestratorParts } from "../orchestrator/orchestrator.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { AnyWorkflow } from "../workflows/index.ts";

/** Where JetStream is, which workflows can be started, and how the orchestrator behaves. */
export interface ConnectOrchestrator extends JetStreamOptions, OrchestratorOptions {
  /** Workflows that it can start by name or value. Runs of others can be watched and steered all the same. */
  readonly workflows?: readonly AnyWorkflow[];
}

/** Starts, watches and steers runs on JetStream. Executes none of their nodes. */
export class DistributedOrchestrator extends Orchestrator {
  readonly #backend: Backend;

  /** For an adapter of your own; else see {@link DistributedOrchestrator.connect}. The backend is closed by `close`. */
  constructor(parts: OrchestratorParts, options: OrchestratorOptions = {}) {
    super(parts, options);
    this.#backend = parts.backend;
  }

  /**
   * Connects to JetStream, creating what is not there.
   *
   * With `connection` it works on a connection that the host owns: `close` leaves that open.
   *
   * @throws FloxideError `backend` saying what is wrong with the server, `definition` or `validation` for options
   */
  static async connect(options: ConnectOrchestrator = {}): Promise<DistributedOrchestrator> {
    const { workflows = [], orchestratorId, aliveMs, answerMs, ...jetstream } = options;
    const backend = await openJetStreamBackend(jetstream);
    try {
      return new DistributedOrchestrator(
        { backend, workflows, ...(options.logger === undefined ? {} : { log: options.logger }) },
        given({ orchestratorId, aliveMs, answerMs }),
      );
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  /** Ends its watches and, unless the host owns it, its connection. */
  override async close(): Promise<void> {
    await super.close();
    await this.#backend.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The options that were given: an option that is there but undefined would hide its default. */
export function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
