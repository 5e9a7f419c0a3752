import type { NatsConnection } from "@nats-io/nats-core";
import { NoRespondersError, TimeoutError } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../jetstream/backend.ts";
import { connectTo } from "../jetstream/connect.ts";
import { namesOf } from "../jetstream/names.ts";
import { type JetStreamOptions, resolveJetStreamOptions } from "../jetstream/options.ts";
import { translateError } from "../jetstream/translate-error.ts";
import type { Door } from "./io.ts";

/** The way to a real NATS. @throws FloxideError `backend`, `validation` */
export async function openDoor(options: JetStreamOptions): Promise<Door> {
  const resolved = resolveJetStreamOptions(options);
  const connection = await connectTo(resolved);
  const openings = new Map<string, Promise<JetStreamBackend>>();
  return {
    backend: (namespace = resolved.namespace) => {
      const opening =
        openings.get(namespace) ?? openJetStreamBackend({ ...on(connection, options), namespace });
      openings.set(namespace, opening);
      return opening;
    },
    ask: (verb, request, timeoutMs, namespace = resolved.namespace) =>
      ask(connection, namesOf(namespace).api(verb), request, timeoutMs),
    close: async () => {
      for (const opened of await Promise.allSettled(openings.values())) {
        if (opened.status === "fulfilled") await opened.value.close();
      }
      await connection.close();
    },
  };
}

/** The options for a connection that is there. */
function on(
  connection: NatsConnection,
  { servers: _, ...options }: JetStreamOptions,
): JetStreamOptions {
  return { ...options, connection };
}

async function ask(
  nats: NatsConnection,
  subject: string,
  request: object,
  timeoutMs: number,
): Promise<unknown> {
  try {
    const answer = await nats.request(subject, JSON.stringify(request), { timeout: timeoutMs });
    return answer.json();
  } catch (error) {
    if (isCausedBy(error, NoRespondersError)) return null;
    if (isCausedBy(error, TimeoutError)) throw unanswered(subject, timeoutMs, error);
    throw translateError(error, `asking ${subject}`, { subject });
  }
}

/** The client wraps what happened. */
function isCausedBy(error: unknown, kind: typeof NoRespondersError | typeof TimeoutError): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof kind || isCausedBy((error as Error).cause, kind);
}

function unanswered(subject: string, timeoutMs: number, cause: unknown): FloxideError {
  const message = `the orchestrator service did not answer on ${subject} within ${timeoutMs} ms`;
  return new FloxideError("timeout", message, { details: { subject, timeoutMs }, cause });
}
