import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { credsAuthenticator } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import type { Io } from "./io.ts";
import { reasonOf } from "./read-json.ts";

/** Global options as they stand on the command line. */
export interface GlobalOptions {
  readonly server?: string;
  readonly namespace?: string;
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  readonly creds?: string;
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
  /** Null: what fits the command. */
  readonly logLevel: LogLevel | null;
  readonly namespace: string;
  /** True where a server was named by an option, not by the environment. */
  readonly serverGiven: boolean;
  readonly connection: Pick<
    JetStreamOptions,
    "servers" | "user" | "pass" | "token" | "connectionOptions"
  >;
}

export const DEFAULT_SERVER = "127.0.0.1:4222";
export const DEFAULT_NAMESPACE = "floxide";

/** Options first, then the environment, then what is usual. @throws FloxideError `validation` */
export function settingsOf(options: GlobalOptions, io: Pick<Io, "env" | "cwd">): Settings {
  const { env, cwd } = io;
  const server = options.server ?? env["FLOXIDE_SERVER"] ?? env["NATS_URL"] ?? DEFAULT_SERVER;
  const { servers, user, pass, token } = readServers(server);
  return {
    json: options.json === true,
    quiet: options.quiet === true,
    logLevel: (options.logLevel as LogLevel | undefined) ?? null,
    namespace: options.namespace ?? env["FLOXIDE_NAMESPACE"] ?? DEFAULT_NAMESPACE,
    serverGiven: options.server !== undefined,
    connection: {
      servers,
      ...given({
        user: options.user ?? env["NATS_USER"] ?? user,
        pass: options.pass ?? env["NATS_PASSWORD"] ?? pass,
        token: options.token ?? env["NATS_TOKEN"] ?? token,
      }),
      connectionOptions: {
        name: "floxide-cli",
        ...withCreds(options.creds ?? env["NATS_CREDS"], cwd),
      },
    },
  };
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
  const servers = parts.map((one) => one.replace(/^(\w+:\/\/)?[^@/]*@/, "$1"));
  if (servers.some((one) => one === "" || /\s/.test(one))) {
    throw new FloxideError(
      "validation",
      `"${servers.join(",")}" is no server: give host:port or a URL`,
    );
  }
  const [, info] = /^(?:\w+:\/\/)?([^@/]*)@/.exec(parts[0] ?? "") ?? [];
  if (info === undefined) return { servers };
  const colon = info.indexOf(":");
  if (colon === -1) return { servers, token: decoded(info) };
  return {
    servers,
    user: decoded(info.slice(0, colon)),
    pass: decoded(info.slice(colon + 1)),
  };
}

function withCreds(path: string | undefined, cwd: string) {
  if (path === undefined) return {};
  try {
    return { authenticator: credsAuthenticator(readFileSync(resolve(cwd, path))) };
  } catch (cause) {
    throw noCreds(path, cause);
  }
}

function noCreds(path: string, cause: unknown): FloxideError {
  const message = `the credentials cannot be read from ${path}: ${reasonOf(cause)}`;
  return new FloxideError("validation", message, { details: { path }, cause });
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
