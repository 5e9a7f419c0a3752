import { type NatsConnection, TimeoutError } from "@nats-io/nats-core";
import { connect, type NodeConnectionOptions } from "@nats-io/transport-node";
import { FloxideError } from "../core/errors.ts";
import { authenticatorOf } from "./credentials.ts";
import { greetingOf } from "./greeting.ts";
import type { ResolvedJetStreamOptions } from "./options.ts";
import { tlsOf, WANTS_CERTIFICATE } from "./tls.ts";
import { translateError } from "./translate-error.ts";

const DEFAULT_SERVERS = "127.0.0.1:4222";

/**
 * Connects, or says clearly why not. Once connected the connection heals itself for ever.
 *
 * @throws FloxideError `backend`, `validation` for files that cannot be used
 */
export async function connectTo(options: ResolvedJetStreamOptions): Promise<NatsConnection> {
  const servers = options.servers ?? options.connectionOptions?.servers ?? DEFAULT_SERVERS;
  const { user, pass, token, inboxPrefix } = options;
  const authenticator = authenticatorOf(options);
  const tls = tlsOf(options.tls, [servers].flat());
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
    ...given({ user, pass, token, inboxPrefix }),
    ...(authenticator === null ? {} : { authenticator }),
    ...(tls === null ? {} : { tls }),
    ...options.connectionOptions,
    servers,
  };
  try {
    return await connect(wanted);
  } catch (error) {
    throw await refusal(error, [servers].flat().map(withoutSecrets));
  }
}

async function refusal(error: unknown, servers: readonly string[]): Promise<FloxideError> {
  const what = `connecting to NATS at ${servers.join(", ")}`;
  const said = translateError(error, what, { servers });
  if (!(await wantsCertificate(error, servers))) return said;
  const { details } = said;
  return new FloxideError("backend", `${what}: ${WANTS_CERTIFICATE}`, { cause: error, details });
}

/** With TLS 1.3 a server refuses a certificate when the client takes the handshake for done: the client waits on. */
async function wantsCertificate(error: unknown, servers: readonly string[]): Promise<boolean> {
  if (!(error instanceof TimeoutError)) return false;
  const greetings = await Promise.all(servers.map(greetingOf));
  return greetings.some((greeting) => greeting?.tls_verify === true);
}

/** Only what is given: the client takes `undefined` for a value. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** The server without user and password, also where these hold what should be encoded. */
const withoutSecrets = (server: string): string => server.replace(/^(\w+:\/\/)?.*@/, "$1");
