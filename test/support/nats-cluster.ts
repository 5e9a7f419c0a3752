import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { startTestServer } from "./nats-server.ts";

/** Three nats-servers that keep copies of each other's streams. */
export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly urls: string[];
}

/** Starts a cluster and waits until it can keep three copies. Some seconds. */
export async function startTestCluster(): Promise<NatsCluster> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    ports.map((port, i) =>
      startTestServer({
        settings: {
          server_name: `n${i}`,
          jetstream: {},
          cluster: { name: "test", listen: `127.0.0.1:${port}`, routes },
        },
      }),
    ),
  );
  const urls = servers.map(({ url }) => url);
  const nc = await connect({ servers: urls });
  await eventually(
    async () => {
      const jsm = await jetstreamManager(nc, { timeout: 1_000 });
      await jsm.streams.add({ name: "ready", subjects: ["ready"], num_replicas: 3 });
      await jsm.streams.delete("ready");
    },
    { withinMs: 30_000, everyMs: 100 },
  );
  await nc.close();
  return {
    servers,
    urls,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
