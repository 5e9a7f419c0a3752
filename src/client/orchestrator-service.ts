import type { NatsConnection } from "@nats-io/nats-core";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import { openJetStreamBackend } from "../jetstream/backend.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { ServiceIdentity } from "../service/discovery.ts";
import type { ServiceOptions } from "../service/options.ts";
import { Service } from "../service/service.ts";
import { type ConnectOrchestrator, given } from "./distributed-orchestrator.ts";
import { natsTransport } from "./nats-transport.ts";
import { packageVersion } from "./version.ts";

/** Where JetStream is, which workflows can be started by name, and how the service behaves. */
export interface ConnectService extends ConnectOrchestrator, ServiceOptions {}

/**
 * Answers `<ns>.api.<verb>` for callers in any language, and repairs runs that nothing moves any more. Any number of
 * them share the load.
 */
export class OrchestratorService {
  readonly #service: Service;
  readonly #close: () => Promise<void>;
  #stopped: Promise<void> | null = null;

  private constructor(service: Service, close: () => Promise<void>) {
    this.#service = service;
    this.#close = close;
  }

  /**
   * Connects to JetStream, creating what is not there. `start` begins to answer.
   *
   * @throws FloxideError `backend` saying what is wrong with the server, `definition` or `validation` for options,
   * `fingerprint` for two graphs with one name and version
   */
  static async connect(options: ConnectService = {}): Promise<OrchestratorService> {
    const { workflows, own, service, jetstream } = splitServiceOptions(options);
    const log: Logger = options.logger ?? silentLogger;
    const backend = await openJetStreamBackend(jetstream);
    const nats: NatsConnection = backend.connection;
    try {
      const orchestrator = new Orchestrator({ backend, workflows, log }, own);
      const { namespace, names } = backend;
      const transport = natsTransport(nats, log);
      const subjectOf = names.api;
      const version = packageVersion();
      return new OrchestratorService(
        new Service(
          { orchestrator, workflows, transport, namespace, subjectOf, version, log },
          service,
        ),
        async () => {
          await orchestrator.close();
          await backend.close();
        },
      );
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  /** Who this is for `nats micro`. */
  get identity(): ServiceIdentity {
    return this.#service.identity;
  }

  /** Begins to answer. Resolves when it listens. @throws FloxideError `backend`, `illegal_state` the second time */
  start(): Promise<void> {
    return this.#service.start();
  }

  /** Takes nothing new, answers what it has, then closes the connection unless the host owns it. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      await this.#service.stop();
    } finally {
      await this.#close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Which options are the service's, which the orchestrator's, and which JetStream's. */
export function splitServiceOptions(options: ConnectService) {
  const { workflows = [], orchestratorId, aliveMs, answerMs, ...others } = options;
  const { maxInFlight, maxWaiting, repairEveryMs, graceMs, ...jetstream } = others;
  const own = given({ orchestratorId, aliveMs, answerMs });
  const service: ServiceOptions = { maxInFlight, maxWaiting, repairEveryMs, graceMs };
  return { workflows, own, service, jetstream };
}
