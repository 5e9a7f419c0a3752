import { servedOf } from "../core/partition-of.ts";
import {
  type ConnectService,
  OrchestratorService,
  splitServiceOptions,
} from "./orchestrator-service.ts";
import { openOnOne } from "./partition-backends.ts";

/**
 * Options of a service, how many partitions there are, and which of them it answers for and repairs. `namespace` is the first
 * part of their namespaces: partition 3 of `app` is `app-3`, and its API is `app-3.api.<verb>`.
 */
export interface ConnectPartitionedService extends ConnectService {
  /** How many partitions the system has, 1 to 1000: the same number everywhere. */
  readonly partitions: number;
  /** Numbers of the partitions to answer for. @default all */
  readonly serve?: readonly number[];
}

/** One orchestrator service for each partition, on one connection, started and stopped together. */
export class PartitionedService {
  /** In the order of `serve`. */
  readonly services: readonly OrchestratorService[];
  readonly #close: () => Promise<void>;
  #stopped: Promise<void> | null = null;

  private constructor(services: readonly OrchestratorService[], close: () => Promise<void>) {
    this.services = services;
    this.#close = close;
  }

  /**
   * Connects to JetStream, creating what is not there in any of the partitions. `start` begins to answer.
   *
   * @throws FloxideError what {@link OrchestratorService.connect} throws, `definition` for partitions that there are not
   */
  static async connect(options: ConnectPartitionedService): Promise<PartitionedService> {
    const { partitions, serve, ...rest } = options;
    const served = servedOf(serve, partitions);
    const { jetstream, workflows, own, service } = splitServiceOptions(rest);
    const { all, close } = await openOnOne(
      { ...jetstream, partitions },
      served,
      (its) => OrchestratorService.connect({ ...its, workflows, ...own, ...service }),
      (one) => one.stop(),
    );
    return new PartitionedService(all, close);
  }

  /** Begins to answer in all partitions. @throws FloxideError `backend`, `illegal_state` the second time */
  async start(): Promise<void> {
    await Promise.all(this.services.map((service) => service.start()));
  }

  /** Takes nothing new, answers what it has, then closes the connection unless the host owns it. */
  stop(): Promise<void> {
    this.#stopped ??= Promise.allSettled(this.services.map((service) => service.stop())).then(
      async (stopped) => {
        await this.#close();
        for (const one of stopped) if (one.status === "rejected") throw one.reason;
      },
    );
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
