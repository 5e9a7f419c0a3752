import { resolve } from "node:path";
import { FloxideError } from "../core/errors.ts";
import { MAX_PARTITIONS } from "../core/partition-of.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import type { Io } from "./io.ts";
import type { KeyFiles } from "./key-files.ts";

/** Global options as they stand on the command line. */
export interface GlobalOptions {
  readonly server?: string;
  readonly namespace?: string;
  readonly partitions?: number;
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  readonly creds?: string;
  readonly signingKey?: string;
  readonly trustedKeys?: string;
  readonly nkey?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly inboxPrefix?: string;
  readonly throughApi?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly logLevel?: string;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** What all commands go by. */
export interface Settings {
  readonly json: boolean;
  readonly quiet: boolean;
  /** True where commands that look at runs ask the orchestrator service. */
  readonly throughApi: boolean;
  /** Null: what fits the command. */
  readonly logLevel: LogLevel | null;
  readonly namespace: string;
  /** How many partitions the system has; null: the namespace is all of it. */
  readonly partitions: number | null;
  /** Of how many partitions the namespace is one, where it is one. */
  readonly partOf: number | null;
  /** Read only where they are used. */
  readonly keyFiles: KeyFiles;
  /** True where a server was named by an option, not by the environment. */
  readonly serverGiven: boolean;
  readonly connection: Pick<
    JetStreamOptions,
    | "servers"
    | "user"
    | "pass"
    | "token"
    | "nkeyFile"
    | "credsFile"
    | "tls"
    | "inboxPrefix"
    | "connectionOptions"
  >;
}

export const DEFAULT_SERVER = "127.0.0.1:4222";
export const DEFAULT_NAMESPACE = "floxide";

/** Options first, then the environment, then what is usual. @throws FloxideError `validation` */
export function settingsOf(options: GlobalOptions, io: Pick<Io, "env" | "cwd">): Settings {
  const { env, cwd } = io;
  const server = options.server ?? env["FLOXIDE_SERVER"] ?? env["NATS_URL"] ?? DEFAULT_SERVER;
  const { servers, ...said } = readServers(server);
  return {
    json: options.json === true,
    quiet: options.quiet === true,
    throughApi: options.throughApi ?? env["FLOXIDE_THROUGH_API"] === "1",
    logLevel: (options.logLevel as LogLevel | undefined) ?? null,
    namespace: options.namespace ?? env["FLOXIDE_NAMESPACE"] ?? DEFAULT_NAMESPACE,
    partitions: options.partitions ?? readPartitions(env["FLOXIDE_PARTITIONS"]),
    partOf: null,
    keyFiles: {
      signingKey: options.signingKey ?? env["FLOXIDE_SIGNING_KEY_FILE"],
      trustedKeys: options.trustedKeys ?? env["FLOXIDE_TRUSTED_KEYS_FILE"],
    },
    serverGiven: options.server !== undefined,
    connection: {
      servers,
      ...loginOf(options, env, cwd, said),
      ...tlsOf(options, env, cwd),
      ...given({ inboxPrefix: options.inboxPrefix ?? env["NATS_INBOX_PREFIX"] }),
      connectionOptions: { name: "floxide-cli" },
    },
  };
}

/** @throws FloxideError `validation` for what is no number of partitions */
function readPartitions(text: string | undefined): number | null {
  if (text === undefined) return null;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1 && number <= MAX_PARTITIONS) return number;
  throw new FloxideError(
    "validation",
    `FLOXIDE_PARTITIONS is "${text}": it must be a whole number, 1 to ${MAX_PARTITIONS}`,
  );
}

type Env = Io["env"];
type Login = Pick<Settings["connection"], "user" | "pass" | "token" | "nkeyFile" | "credsFile">;

/** The first way to log in that is given: options before the environment, that before what stands in the URL. */
function loginOf(options: GlobalOptions, env: Env, cwd: string, said: Login): Login {
  const file = (path: string | undefined) => (path === undefined ? path : resolve(cwd, path));
  const { user, pass, token, creds, nkey } = options;
  const ways: readonly Login[] = [
    given({ user, token, credsFile: file(creds), nkeyFile: file(nkey) }),
    given({
      user: env["NATS_USER"],
      token: env["NATS_TOKEN"],
      credsFile: file(env["NATS_CREDS"]),
      nkeyFile: file(env["NATS_NKEY"]),
    }),
    given({ user: said.user, token: said.token }),
  ];
  const way = ways.find((one) => Object.keys(one).length > 0) ?? {};
  const password = pass ?? env["NATS_PASSWORD"] ?? said.pass;
  return { ...way, ...(way.user === undefined ? {} : given({ pass: password })) };
}

function tlsOf(options: GlobalOptions, env: Env, cwd: string): Pick<Settings["connection"], "tls"> {
  const files = given({
    caFile: options.tlsCa ?? env["NATS_CA"],
    certFile: options.tlsCert ?? env["NATS_CERT"],
    keyFile: options.tlsKey ?? env["NATS_KEY"],
  });
  const paths = Object.entries(files).map(([name, path]) => [name, resolve(cwd, path)]);
  return paths.length === 0 ? {} : { tls: Object.fromEntries(paths) };
}

interface Servers {
  readonly servers: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

/** Several servers are separated by commas. The client takes no credentials in a URL, so they are taken out. */
function readServers(text: string): Servers {
  const parts = text.split(",").map((one) => one.trim());
  const servers = parts.map((one) => one.replace(/^(\w+:\/\/)?.*@/, "$1"));
  if (servers.some((one) => one === "" || /\s/.test(one))) {
    throw new FloxideError(
      "validation",
      `"${servers.join(",")}" is no server: give host:port or a URL`,
    );
  }
  const [, info] = /^(?:\w+:\/\/)?(.*)@/.exec(parts[0] ?? "") ?? [];
  if (info === undefined) return { servers };
  const colon = info.indexOf(":");
  if (colon === -1) return { servers, token: decoded(info) };
  return {
    servers,
    user: decoded(info.slice(0, colon)),
    pass: decoded(info.slice(colon + 1)),
  };
}

function given(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** A percent sign that is no escape is itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
