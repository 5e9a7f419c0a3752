import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Backend } from "../../src/core/ports/backend.ts";
import {
  type ConnectOrchestrator,
  type ConnectWorker,
  DistributedOrchestrator,
  DistributedWorker,
} from "../../src/index.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../../src/jetstream/backend.ts";
import type { JetStreamOptions } from "../../src/jetstream/options.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";
import { startTestServer, type TestServerOptions } from "./nats-server.ts";

/** What a test may set of its system. */
export interface LiveSystemOptions
  extends Pick<
    JetStreamOptions,
    "ackWaitMs" | "retentionMs" | "patienceMs" | "signingKey" | "trustedKeys"
  > {
  readonly server?: TestServerOptions;
}

/** A server of its own, with orchestrators and workers in this process. All are gone at the end of the test. */
export class LiveSystem implements AsyncDisposable {
  readonly server: NatsServer;
  readonly workflows: readonly AnyWorkflow[];
  readonly #jetstream: JetStreamOptions;
  readonly #open: (() => Promise<unknown>)[] = [];
  #backend: JetStreamBackend | null = null;
  #orchestrator: DistributedOrchestrator | null = null;
  #plain: NatsConnection | null = null;

  private constructor(server: NatsServer, workflows: readonly AnyWorkflow[], js: JetStreamOptions) {
    this.server = server;
    this.workflows = workflows;
    this.#jetstream = js;
    this.#open.push(() => server.stop());
  }

  static async start(
    workflows: readonly AnyWorkflow[],
    { server: settings = {}, ackWaitMs = 1_000, ...rest }: LiveSystemOptions = {},
  ): Promise<LiveSystem> {
    const server = await startTestServer(settings);
    const system = new LiveSystem(server, workflows, { servers: server.url, ackWaitMs, ...rest });
    system.#backend = await system.open();
    system.#orchestrator = await system.another();
    system.#plain = await connect({
      servers: server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    system.#open.push(() => system.plain.close());
    return system;
  }

  /** The first orchestrator. */
  get orchestrator(): DistributedOrchestrator {
    return made(this.#orchestrator);
  }

  /** A backend to look at what is stored. */
  get backend(): JetStreamBackend {
    return made(this.#backend);
  }

  /** A plain connection: somebody without a client of ours. */
  get plain(): NatsConnection {
    return made(this.#plain);
  }

  async open(): Promise<JetStreamBackend> {
    const backend = await openJetStreamBackend(this.#jetstream);
    this.#open.push(() => backend.close());
    return backend;
  }

  /** Another orchestrator, on a connection of its own. */
  async another(options: Partial<ConnectOrchestrator> = {}): Promise<DistributedOrchestrator> {
    const orchestrator = await DistributedOrchestrator.connect({
      ...this.#jetstream,
      workflows: this.workflows,
      answerMs: 500,
      ...options,
    });
    this.#open.push(() => orchestrator.close());
    return orchestrator;
  }

  /**
   * Another worker, started.
   *
   * @param through - what it sees of the stores: something that is slow or broken, for example
   */
  async worker(
    options: Partial<ConnectWorker> = {},
    through?: (backend: Backend) => Backend,
  ): Promise<DistributedWorker> {
    const settings = { concurrency: 8, graceMs: 500, ...options };
    let worker: DistributedWorker;
    if (through === undefined) {
      const workflows = this.workflows;
      worker = await DistributedWorker.connect({ ...this.#jetstream, workflows, ...settings });
    } else {
      const backend = through(await openJetStreamBackend(this.#jetstream));
      worker = new DistributedWorker({ backend, workflows: this.workflows }, settings);
    }
    this.#open.push(() => worker.stop({ graceMs: 0 }));
    await worker.start();
    return worker;
  }

  /** Messages in the work stream: start requests, items and schedules. */
  async queued(): Promise<number> {
    return (await this.stream(this.backend.names.workStream)).messages;
  }

  /** State of a stream, as the server tells it. */
  async stream(name: string): Promise<{ readonly messages: number; readonly last_seq: number }> {
    const answer = await this.plain.request(`$JS.API.STREAM.INFO.${name}`);
    return answer.json<{ state: { messages: number; last_seq: number } }>().state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close();
  }
}

function made<T>(part: T | null): T {
  if (part === null) throw new Error("the system has not started");
  return part;
}

/** The backend with some of its parts replaced. */
export function altered(backend: Backend, parts: Partial<Backend>): Backend {
  return Object.create(
    backend,
    Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, { value }])),
  ) as Backend;
}
