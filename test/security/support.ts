import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Logger } from "../../src/core/logger.ts";
import type { JetStreamOptions } from "../../src/jetstream/options.ts";
import { toServerUser } from "../../src/jetstream/permissions/server-config.ts";
import { permissionsOf, type UserRequest } from "../../src/jetstream/permissions.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { startTestServer } from "../support/nats-server.ts";

const PASSWORD = "correct horse";
/** Who may do everything in the account. */
const ADMIN = "admin";

/** A server whose users have the permissions that we make, and an administrator who may do everything. */
export class GuardedServer implements AsyncDisposable {
  readonly server: NatsServer;
  readonly #open: (() => Promise<unknown>)[] = [];

  private constructor(server: NatsServer) {
    this.server = server;
    this.#open.push(() => server.stop());
  }

  /** @param without - subjects that are taken away from everybody's permissions */
  static async start(
    users: readonly UserRequest[],
    without: readonly string[] = [],
  ): Promise<GuardedServer> {
    const left = (subjects: readonly string[]) => subjects.filter((one) => !without.includes(one));
    const guarded = users.map((request) => {
      const { user, permissions } = toServerUser(permissionsOf(request));
      const { publish, subscribe, ...rest } = permissions;
      const allowed = { publish: left(publish), subscribe: left(subscribe), ...rest };
      return { user, password: PASSWORD, permissions: allowed };
    });
    const settings = {
      jetstream: {},
      authorization: { users: [{ user: ADMIN, password: PASSWORD }, ...guarded] },
    };
    return new GuardedServer(await startTestServer({ settings: structuredClone(settings) }));
  }

  /** How a floxide process connects as that user. */
  as(user: string): JetStreamOptions {
    return {
      servers: this.server.url,
      user,
      pass: PASSWORD,
      ...(user === ADMIN ? {} : { inboxPrefix: `_INBOX_${user}` }),
    };
  }

  /** A plain connection of that user, closed at the end. */
  async plain(user: string = ADMIN): Promise<NatsConnection> {
    const { inboxPrefix } = this.as(user);
    const nc = await connect({
      servers: this.server.url,
      user,
      pass: PASSWORD,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    });
    return this.closing(nc);
  }

  /** Closes it at the end, before the server. */
  closing<T extends { close(): Promise<unknown> } | { stop(): Promise<unknown> }>(one: T): T {
    this.#open.push(() => ("close" in one ? one.close() : one.stop()));
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close();
  }
}

/** Asks a verb of the API, as anybody with a NATS client does. */
export async function ask<T>(nc: NatsConnection, verb: string, request: object = {}): Promise<T> {
  const answer = await nc.request(`floxide.api.${verb}`, JSON.stringify(request), {
    timeout: 10_000,
  });
  return answer.json<T>();
}

/** Keeps every line that is logged, with its fields. */
export function keepingLogger(): Logger & { readonly text: () => string } {
  const lines: string[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields, errorsToo)}`);
  };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    text: () => lines.join("\n"),
  };
}

function errorsToo(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { message, stack, cause } = value;
  return { ...value, message, stack, cause };
}
