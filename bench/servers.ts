import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { ServerSettings } from "../src/jetstream/server/config.ts";
import type { NatsServer } from "../src/jetstream/server/start.ts";
import { startNatsServer } from "../src/jetstream/server/start.ts";
import { eventually } from "../test/support/eventually.ts";
import { freePort } from "../test/support/free-port.ts";
import type { Mode } from "./figure.ts";
import { cpuMsOf, rssBytesOf } from "./proc.ts";

/** The nats-servers of one scenario: file storage, their files in temporary directories that are removed at the end. */
export class Servers implements AsyncDisposable {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** @param settings - in the server's own spelling; they replace those of the mode block by block */
  static async start(mode: Mode, settings: ServerSettings = {}): Promise<Servers> {
    if (mode === "r3") return new Servers(await startThree(settings));
    const jetstream = mode === "fsync" ? { sync_interval: "always" } : {};
    return new Servers([await startMember({ jetstream, ...settings })]);
  }

  /** How many copies of each stream they are to keep. */
  get replicas(): 1 | 3 {
    return this.#members.length === 3 ? 3 : 1;
  }

  get urls(): string[] {
    return this.#members.map(({ server }) => server.url);
  }

  get pids(): readonly number[] {
    return this.#members.map(({ server }) => server.pid);
  }

  /** Where the servers keep their streams. */
  get storeDirs(): readonly string[] {
    return this.#members.map(({ server }) => server.storeDir);
  }

  /** CPU that all of them have used, in milliseconds. Null where it cannot be known. */
  cpuMs(): number | null {
    return sum(this.pids.map(cpuMsOf));
  }

  /** Resident memory of all of them, in bytes. Null where it cannot be known. */
  rssBytes(): number | null {
    return sum(this.pids.map(rssBytesOf));
  }

  /** Messages and bytes that have come in and gone out since the servers began, clients and routes together. */
  async traffic(): Promise<Traffic> {
    const all = await Promise.all(
      this.#members.map(async ({ monitor }) => {
        const answer = await fetch(`${monitor}/varz`);
        return (await answer.json()) as Varz;
      }),
    );
    return {
      inMessages: all.reduce((total, { in_msgs }) => total + in_msgs, 0),
      outMessages: all.reduce((total, { out_msgs }) => total + out_msgs, 0),
      inBytes: all.reduce((total, { in_bytes }) => total + in_bytes, 0),
      outBytes: all.reduce((total, { out_bytes }) => total + out_bytes, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ server }) => server.stop()));
  }
}

export interface Traffic {
  readonly inMessages: number;
  readonly outMessages: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** What a server says of itself, as far as it is used. */
interface Varz {
  readonly in_msgs: number;
  readonly out_msgs: number;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

interface Member {
  readonly server: NatsServer;
  /** Where it answers questions about itself. */
  readonly monitor: string;
}

async function startMember(settings: ServerSettings): Promise<Member> {
  const http = `127.0.0.1:${await freePort()}`;
  const server = await startNatsServer({ env: process.env, settings: { http, ...settings } });
  return { server, monitor: `http://${http}` };
}

async function startThree(settings: ServerSettings): Promise<readonly Member[]> {
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const started = await Promise.allSettled(
    ports.map((port, i) =>
      startMember({
        server_name: `n${i + 1}`,
        jetstream: {},
        cluster: { name: "bench", listen: `127.0.0.1:${port}`, routes },
        ...settings,
      }),
    ),
  );
  const members = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    for (const one of started) if (one.status === "rejected") throw one.reason;
    await untilItKeepsThreeCopies(members.map(({ server }) => server.url));
    return members;
  } catch (error) {
    await Promise.all(members.map(({ server }) => server.stop()));
    throw error;
  }
}

async function untilItKeepsThreeCopies(servers: string[]): Promise<void> {
  const nc = await connect({ servers });
  try {
    await eventually(
      async () => {
        const jsm = await jetstreamManager(nc, { timeout: 1_000 });
        await jsm.streams.add({ name: "ready", subjects: ["ready"], num_replicas: 3 });
        await jsm.streams.delete("ready");
      },
      { withinMs: 60_000, everyMs: 100 },
    );
  } finally {
    await nc.close();
  }
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce((total, value) => (total === null || value === null ? null : total + value));
}
