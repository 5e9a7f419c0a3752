import type { NatsConnection } from "@nats-io/transport-node";
import { connect } from "@nats-io/transport-node";
import { DistributedOrchestrator, type JetStreamOptions } from "#floxide";
import { Closing } from "../proof/support/closing.ts";
import type { ServerSettings } from "../src/jetstream/server/config.ts";
import type { Mode } from "./figure.ts";
import { Servers } from "./servers.ts";
import { WorkerProcess, type WorkerSettings } from "./worker.ts";
import { workflows } from "./workflows.ts";

/** What client and workers are told alike, as far as it can be said as JSON. */
export type SharedSettings = Omit<
  JetStreamOptions,
  "servers" | "connection" | "connectionOptions" | "logger" | "partitions"
>;

/** What a system has. */
export interface SystemOptions {
  /** Worker processes that it starts with. @default 1 */
  readonly workers?: number;
  /** Of each worker that it starts with. */
  readonly worker?: WorkerSettings;
  /** Of client and workers alike: retention, acknowledgement wait. @default those of floxide */
  readonly shared?: SharedSettings;
  /** Of the servers, in their own spelling. @default those of the mode */
  readonly server?: ServerSettings;
}

interface Parts {
  readonly servers: Servers;
  readonly nc: NatsConnection;
  readonly orchestrator: DistributedOrchestrator;
  readonly workers: readonly WorkerProcess[];
}

/** Servers, worker processes, and a client in this process: a system of its own for one scenario. */
export class System implements AsyncDisposable {
  readonly servers: Servers;
  /** A connection past floxide, for the raw limit. */
  readonly nc: NatsConnection;
  readonly orchestrator: DistributedOrchestrator;
  /** Those that it started with. */
  readonly workers: readonly WorkerProcess[];
  readonly #shared: SharedSettings;
  readonly #closing: Closing;

  private constructor(parts: Parts, shared: SharedSettings, closing: Closing) {
    this.servers = parts.servers;
    this.nc = parts.nc;
    this.orchestrator = parts.orchestrator;
    this.workers = parts.workers;
    this.#shared = shared;
    this.#closing = closing;
  }

  static async start(bench: { readonly mode: Mode }, options: SystemOptions = {}): Promise<System> {
    const closing = new Closing();
    try {
      const servers = closing.use(await Servers.start(bench.mode, options.server));
      const shared = { ...options.shared, replicas: servers.replicas };
      const nc = await connect({ servers: servers.urls });
      closing.defer(() => nc.close());
      const orchestrator = closing.use(await clientOf(servers, shared));
      const workers: WorkerProcess[] = [];
      for (let i = 0; i < (options.workers ?? 1); i++) {
        workers.push(closing.use(await workerOf(servers, shared, options.worker)));
      }
      return new System({ servers, nc, orchestrator, workers }, shared, closing);
    } catch (error) {
      await closing[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many copies of each stream there are. */
  get replicas(): 1 | 3 {
    return this.servers.replicas;
  }

  /** The only worker, or the first. @throws Error where it started with none */
  get worker(): WorkerProcess {
    const [worker] = this.workers;
    if (worker === undefined) throw new Error("this system has no worker of its own");
    return worker;
  }

  /** One more worker process, with settings of its own. It ends with the system. */
  async addWorker(settings: WorkerSettings = {}): Promise<WorkerProcess> {
    return this.#closing.use(await workerOf(this.servers, this.#shared, settings));
  }

  /** One more client, with settings of its own. It is closed with the system. */
  async addClient(settings: SharedSettings = {}): Promise<DistributedOrchestrator> {
    return this.#closing.use(await clientOf(this.servers, { ...this.#shared, ...settings }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing[Symbol.asyncDispose]();
  }
}

function clientOf(servers: Servers, shared: SharedSettings): Promise<DistributedOrchestrator> {
  return DistributedOrchestrator.connect({
    ...shared,
    servers: servers.urls,
    workflows: Object.values(workflows),
  });
}

function workerOf(
  servers: Servers,
  shared: SharedSettings,
  settings: WorkerSettings = {},
): Promise<WorkerProcess> {
  return WorkerProcess.start(servers.urls, { ...shared, ...settings });
}
