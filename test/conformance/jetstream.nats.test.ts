import { afterAll, beforeAll } from "vitest";
import type { Backend } from "../../src/core/ports/backend.ts";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { startTestServer } from "../support/nats-server.ts";
import { describeBackend } from "./suite.ts";

let server: NatsServer;
let namespaces = 0;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeBackend("JetStream", async () => {
  namespaces += 1;
  const opened: Backend[] = [];
  const open = async (): Promise<Backend> => {
    const backend = await openJetStreamBackend({
      servers: server.url,
      namespace: `ns${namespaces}`,
      ackWaitMs: 1_200,
    });
    opened.push(backend);
    return backend;
  };
  return {
    backend: await open(),
    second: open,
    dispose: async () => {
      await Promise.all(opened.map((backend) => backend.close()));
    },
  };
});
