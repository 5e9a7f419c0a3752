import { inject } from "vitest";
import {
  type NatsServer,
  type StartNatsServerOptions,
  startNatsServer,
} from "../../src/jetstream/server/start.ts";

/** What a test may want to set; the rest is the same for all tests. */
export type TestServerOptions = Omit<StartNatsServerOptions, "binary" | "env" | "log">;

/**
 * A nats-server with JetStream for one test or one test file: a port and a directory of its own, both
 * gone at the end. About 30 ms.
 *
 * @example
 * await using server = await startTestServer();
 * await server.kill();
 * await server.restart();
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<NatsServer> {
  return await startNatsServer({ ...options, binary: inject("natsServer"), env: process.env });
}
