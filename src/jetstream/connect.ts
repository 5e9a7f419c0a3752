import type { NatsConnection } from "@nats-io/nats-core";
import { connect, type NodeConnectionOptions } from "@nats-io/transport-node";
import type { ResolvedJetStreamOptions } from "./options.ts";
import { translateError } from "./translate-error.ts";

const DEFAULT_SERVERS = "127.0.0.1:4222";

/**
 * Connects, or says clearly why not. Once connected the connection heals itself for ever.
 *
 * @throws FloxideError `backend`
 */
export async function connectTo(options: ResolvedJetStreamOptions): Promise<NatsConnection> {
  const servers = options.servers ?? options.connectionOptions?.servers ?? DEFAULT_SERVERS;
  const wanted: NodeConnectionOptions = {
    name: "floxide",
    maxReconnectAttempts: -1,
    // A refused login after a reconnect may be a server that is still reading its accounts.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 500,
    reconnectJitter: 500,
    pingInterval: 20_000,
    noAsyncTraces: true,
    timeout: options.connectTimeoutMs,
    ...given({ user: options.user, pass: options.pass, token: options.token }),
    ...options.connectionOptions,
    servers,
  };
  try {
    return await connect(wanted);
  } catch (error) {
    const where = [servers].flat().map(withoutSecrets);
    throw translateError(error, `connecting to NATS at ${where.join(", ")}`, { servers: where });
  }
}

/** Only what is given: the client takes `undefined` for a value. */
function given(fields: Record<string, string | undefined>): Record<string, string> {
  const entries = Object.entries(fields).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/** The server without user and password. */
const withoutSecrets = (server: string): string => server.replace(/^(\w+:\/\/)?[^@/]*@/, "$1");
