import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { DistributedOrchestrator, type JetStreamOptions } from "../../src/index.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { faultFlows } from "../../test/support/fault-flows.ts";
import { Closing } from "./closing.ts";
import { Crew, type CrewOptions } from "./crew.ts";
import { Deployment, type Mode } from "./deployment.ts";
import type { Line } from "./line.ts";

export interface SystemOptions {
  readonly mode: Mode;
  readonly directory: string;
  readonly diskMegabytes: number;
  readonly workers: number;
  readonly services: number;
  /** What all processes are told of JetStream. */
  readonly jetstream: Omit<JetStreamOptions, "servers" | "replicas">;
  readonly crew: Omit<CrewOptions, "directory" | "jetstream" | "line">;
}

/** Servers, workers and services in processes of their own, and those who use and watch them. */
export class System implements AsyncDisposable {
  readonly #closing = new Closing();
  #deployment: Deployment | null = null;
  #crew: Crew | null = null;
  #line: Line | null = null;
  #direct: JetStreamBackend | null = null;
  #observer: DistributedOrchestrator | null = null;
  #client: DistributedOrchestrator | null = null;
  #plain: NatsConnection | null = null;
  #nc: NatsConnection | null = null;
  #jsm: JetStreamManager | null = null;

  static async start(options: SystemOptions): Promise<System> {
    const system = new System();
    try {
      await system.#open(options);
      return system;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  get deployment(): Deployment {
    return made(this.#deployment);
  }

  get crew(): Crew {
    return made(this.#crew);
  }

  /** The customers' way to the servers. */
  get line(): Line {
    return made(this.#line);
  }

  /** What is stored, past the wires. */
  get direct(): JetStreamBackend {
    return made(this.#direct);
  }

  /** Looks at runs, past the wires. */
  get observer(): DistributedOrchestrator {
    return made(this.#observer);
  }

  /** The customers' client. */
  get client(): DistributedOrchestrator {
    return made(this.#client);
  }

  /** The customers' connection without a client of floxide. */
  get plain(): NatsConnection {
    return made(this.#plain);
  }

  /** For what an operator does, past the wires. */
  get admin(): { readonly nc: NatsConnection; readonly jsm: JetStreamManager } {
    return { nc: made(this.#nc), jsm: made(this.#jsm) };
  }

  /** Ends what the customers hold open. */
  async leave(): Promise<void> {
    await this.#client?.close();
    await this.#plain?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing[Symbol.asyncDispose]();
  }

  async #open(options: SystemOptions): Promise<void> {
    const { mode, directory, diskMegabytes, workers, services } = options;
    const closing = this.#closing;
    const deployment = closing.use(await Deployment.start({ mode, directory, diskMegabytes }));
    this.#deployment = deployment;
    const jetstream = { ...options.jetstream, replicas: deployment.replicas };
    const past = { ...jetstream, servers: deployment.urls };
    const direct = await openJetStreamBackend(past);
    closing.defer(() => direct.close());
    this.#direct = direct;
    this.#observer = closing.use(await orchestrator(past));
    this.#nc = await plainConnection(deployment.urls, closing);
    this.#jsm = await jetstreamManager(this.#nc, { timeout: 3_000 });
    const line = closing.use(await deployment.line());
    this.#line = line;
    const servers = [...line.urls];
    this.#client = closing.use(
      await orchestrator({ ...jetstream, servers, patienceMs: 3_000, requestTimeoutMs: 2_000 }),
    );
    this.#plain = await plainConnection(servers, closing);
    const newLine = () => deployment.line();
    const crew = closing.use(new Crew({ ...options.crew, directory, jetstream, line: newLine }));
    this.#crew = crew;
    await Promise.all([
      ...Array.from({ length: workers }, () => crew.add("worker")),
      ...Array.from({ length: services }, () => crew.add("service")),
    ]);
  }
}

function orchestrator(options: JetStreamOptions): Promise<DistributedOrchestrator> {
  return DistributedOrchestrator.connect({ ...options, workflows: faultFlows });
}

async function plainConnection(servers: string[], closing: Closing): Promise<NatsConnection> {
  const nc = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
  closing.defer(() => nc.close());
  return nc;
}

function made<T>(part: T | null): T {
  if (part === null) throw new Error("the system has not started");
  return part;
}
