import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Logger } from "../../src/core/logger.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../../src/jetstream/backend.ts";
import type { JetStreamOptions } from "../../src/jetstream/options.ts";

/** Closes whatever a test has opened. */
export interface Opened extends AsyncDisposable {
  readonly backend: JetStreamBackend;
}

/** A backend that closes at the end of the test. */
export async function opened(options: JetStreamOptions): Promise<Opened> {
  const backend = await openJetStreamBackend(options);
  return { backend, [Symbol.asyncDispose]: () => backend.close() };
}

/** A plain connection and the JetStream API on it, as a person with the nats tool has it. */
export async function plainConnection(url: string, options: object = {}) {
  const nc: NatsConnection = await connect({ servers: url, noAsyncTraces: true, ...options });
  const jsm = await jetstreamManager(nc);
  return { nc, jsm, [Symbol.asyncDispose]: () => nc.close() };
}

/** Keeps what is logged. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = (_fields: object, message: string) => {
    lines.push(message);
  };
  return { lines, debug: log, info: log, warn: log, error: log };
}
