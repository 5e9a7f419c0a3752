import { headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import type { Logger } from "../core/logger.ts";
import { isInbox } from "../jetstream/names.ts";
import { translateError } from "../jetstream/translate-error.ts";
import type { ApiRequest, ApiTransport } from "../service/transport.ts";

/** Left for the headers and the protocol line of a reply. */
const HEADROOM_BYTES = 1_024;
const DEFAULT_MAX_PAYLOAD = 1_048_576;

/** The service's transport over a NATS connection. Subscriptions come back by themselves after a reconnect. */
export function natsTransport(nats: NatsConnection, log: Logger): ApiTransport {
  return {
    get maxReplyBytes() {
      return (nats.info?.max_payload ?? DEFAULT_MAX_PAYLOAD) - HEADROOM_BYTES;
    },
    listen: async (subject, group, onRequest) => {
      let refused: Error | null = null;
      const subscription = nats.subscribe(subject, {
        ...(group === null ? {} : { queue: group }),
        callback: (error, message) => {
          if (error === null) {
            if (isAnswerable(message, log)) handOver(toRequest(message), onRequest, log);
            return;
          }
          refused = error;
          log.error({ err: error, subject }, "NATS refuses to let the service listen");
        },
      });
      // The answer to a flush comes after what the server says to the subscription.
      await nats.flush().catch((error: unknown) => {
        subscription.unsubscribe();
        throw translateError(error, `listening on ${subject}`, { subject });
      });
      if (refused !== null) throw translateError(refused, `listening on ${subject}`, { subject });
      return {
        drain: async () => {
          if (!nats.isClosed() && !subscription.isClosed()) await subscription.drain();
        },
      };
    },
  };
}

/** What is thrown into the client's callback ends its connection. */
function handOver(
  request: ApiRequest,
  onRequest: (request: ApiRequest) => void,
  log: Logger,
): void {
  try {
    onRequest(request);
  } catch (error) {
    log.error({ err: error, subject: request.subject }, "a request was not taken");
  }
}

/** A request whose answer would go elsewhere than to an inbox is not even looked at. */
function isAnswerable({ subject, reply = "" }: Msg, log: Logger): boolean {
  if (reply === "" || isInbox(reply)) return true;
  log.warn({ subject, reply }, "a request wants its answer elsewhere than in an inbox: not taken");
  return false;
}

function toRequest(message: Msg): ApiRequest {
  return {
    subject: message.subject,
    get body() {
      return message.string();
    },
    respond: (body, fields = {}) => {
      const named = headers();
      for (const [name, value] of Object.entries(fields)) named.set(name, value);
      message.respond(body, Object.keys(fields).length === 0 ? {} : { headers: named });
    },
  };
}
