import type { NatsConnection } from "@nats-io/transport-node";
import { connect } from "@nats-io/transport-node";
import { DistributedOrchestrator } from "#floxide";
import { Closing } from "../../proof/support/closing.ts";
import type { Mode } from "../figure.ts";
import { Servers } from "../servers.ts";
import type { SharedSettings } from "../system.ts";
import { client, type ScaleFlow } from "./flows.ts";
import { Member } from "./member.ts";

/** What a system of many runs has. */
export interface ScaleOptions {
  /** Names of the workflows that its members have. */
  readonly serves: readonly ScaleFlow[];
  /** Worker processes. @default 1 */
  readonly workers?: number;
  /** True for an orchestrator service beside them, which repairs as often as services do by default. @default false */
  readonly service?: boolean;
  /** Of client and members alike. @default those of floxide */
  readonly shared?: SharedSettings;
}

interface Parts {
  readonly servers: Servers;
  readonly nc: NatsConnection;
  readonly orchestrator: DistributedOrchestrator;
  readonly workers: readonly Member[];
  readonly service: Member | null;
}

/** Servers, workers, perhaps a service, and a client in this process, with the workflows of `flows.ts`. */
export class ScaleSystem implements AsyncDisposable {
  readonly servers: Servers;
  /** A connection past floxide, for the raw limit. */
  readonly nc: NatsConnection;
  readonly orchestrator: DistributedOrchestrator;
  readonly workers: readonly Member[];
  readonly service: Member | null;
  readonly #closing: Closing;

  private constructor(parts: Parts, closing: Closing) {
    this.servers = parts.servers;
    this.nc = parts.nc;
    this.orchestrator = parts.orchestrator;
    this.workers = parts.workers;
    this.service = parts.service;
    this.#closing = closing;
  }

  static async start(
    bench: { readonly mode: Mode },
    { serves, workers: count = 1, service: hasService = false, shared = {} }: ScaleOptions,
  ): Promise<ScaleSystem> {
    const closing = new Closing();
    try {
      const servers = closing.use(await Servers.start(bench.mode));
      const given = { ...shared, servers: servers.urls, replicas: servers.replicas };
      const nc = await connect({ servers: servers.urls });
      closing.defer(() => nc.close());
      const orchestrator = closing.use(
        await DistributedOrchestrator.connect({ ...given, workflows: client }),
      );
      const workers: Member[] = [];
      for (let i = 0; i < count; i++) {
        workers.push(closing.use(await Member.start({ ...given, role: "worker", serves })));
      }
      const service = hasService
        ? closing.use(await Member.start({ ...given, role: "service", serves }))
        : null;
      return new ScaleSystem({ servers, nc, orchestrator, workers, service }, closing);
    } catch (error) {
      await closing[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The only worker, or the first. @throws Error where there is none */
  get worker(): Member {
    const [worker] = this.workers;
    if (worker === undefined) throw new Error("this system has no worker");
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing[Symbol.asyncDispose]();
  }
}
