import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { freePort } from "../../test/support/free-port.ts";
import { Line } from "./line.ts";
import { ServerNode } from "./server-node.ts";
import { Wire } from "./wire.ts";

export type Mode = "single" | "cluster";

export interface DeploymentOptions {
  readonly mode: Mode;
  /** Where logs and data go. */
  readonly directory: string;
  /** Megabytes of a disk of its own for each server; 0 for none. @default 0 */
  readonly diskMegabytes?: number;
}

/** One nats-server, or three that keep copies of each other's streams, with wires between them. */
export class Deployment implements AsyncDisposable {
  readonly mode: Mode;
  readonly nodes: readonly ServerNode[];
  /** From the first to the second node, by `a>b`. */
  readonly #routes: ReadonlyMap<string, Wire>;

  private constructor(mode: Mode, nodes: readonly ServerNode[], routes: ReadonlyMap<string, Wire>) {
    this.mode = mode;
    this.nodes = nodes;
    this.#routes = routes;
  }

  static async start(options: DeploymentOptions): Promise<Deployment> {
    return options.mode === "single" ? startOne(options) : startThree(options);
  }

  /** @internal */
  static of(
    mode: Mode,
    nodes: readonly ServerNode[],
    routes: ReadonlyMap<string, Wire>,
  ): Deployment {
    return new Deployment(mode, nodes, routes);
  }

  /** Copies of each stream. */
  get replicas(): 1 | 3 {
    return this.mode === "single" ? 1 : 3;
  }

  /** Addresses of the servers, with no wire before them. */
  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** A way of its own to all servers. */
  line(): Promise<Line> {
    return Line.to(this.nodes.map(({ port }) => port));
  }

  /** Does the same to all wires between this node and the others. Clients still reach it. */
  around(node: ServerNode, act: (wire: Wire) => void): void {
    for (const [ends, wire] of this.#routes) if (ends.split(">").includes(node.name)) act(wire);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
    await Promise.all([...this.#routes.values()].map((wire) => wire[Symbol.asyncDispose]()));
  }
}

async function startOne({ directory, diskMegabytes = 0 }: DeploymentOptions): Promise<Deployment> {
  const settings = { server_name: "n1" };
  const node = await ServerNode.start({ name: "n1", directory, settings, diskMegabytes });
  return Deployment.of("single", [node], new Map());
}

async function startThree({
  directory,
  diskMegabytes = 0,
}: DeploymentOptions): Promise<Deployment> {
  const names = ["n1", "n2", "n3"];
  const ports = new Map<string, number>();
  for (const name of names) ports.set(name, await freePort());
  // Nobody listens there: a server that hears of another one by a third must not find a way past the wires.
  const nowhere = `127.0.0.1:${await freePort()}`;
  const routes = new Map<string, Wire>();
  for (const from of names) {
    for (const to of names) {
      const port = ports.get(to);
      if (from !== to && port !== undefined) routes.set(`${from}>${to}`, await Wire.to(port));
    }
  }
  const nodes = await Promise.all(
    names.map((name) => {
      const others = names.filter((other) => other !== name);
      const settings = {
        server_name: name,
        cluster: {
          name: "proof",
          listen: `127.0.0.1:${ports.get(name)}`,
          advertise: nowhere,
          no_advertise: true,
          routes: others.map((other) => routes.get(`${name}>${other}`)?.url ?? ""),
        },
      };
      return ServerNode.start({ name, directory, settings, diskMegabytes });
    }),
  );
  const deployment = Deployment.of("cluster", nodes, routes);
  await untilItKeepsThreeCopies(deployment.urls);
  return deployment;
}

async function untilItKeepsThreeCopies(servers: string[]): Promise<void> {
  const nc = await connect({ servers, ignoreClusterUpdates: true });
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      const jsm = await jetstreamManager(nc, { timeout: 2_000 });
      await jsm.streams.add({ name: "ready", subjects: ["ready"], num_replicas: 3 });
      await jsm.streams.delete("ready");
      break;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(200);
    }
  }
  await nc.close();
}
