import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { JetStreamDelivery } from "../../src/jetstream/delivery.ts";
import { Signing } from "../../src/jetstream/signing.ts";

const nc = {} as NatsConnection;
const reply = "$JS.ACK.work.c.1.7.7.1700000000000000000.0";

const messageOf = (body: string): Msg => {
  const data = new TextEncoder().encode(body);
  const string = () => new TextDecoder().decode(data);
  return {
    subject: "floxide.start.orders",
    reply,
    data,
    string,
    headers: undefined,
  } as unknown as Msg;
};

test.each([
  ["small", "{}"],
  ["large", JSON.stringify({ input: "ä\u2028😀".repeat(20_000) })],
  ["large, with a mark of the byte order", `\ufeff${" ".repeat(40_000)}{}`],
])("a %s body is what the message says, each time", (_, body) => {
  const message = messageOf(body);
  const source = { kind: "start", workflow: "orders" } as const;
  const delivery = new JetStreamDelivery(nc, source, message, new Signing(null, null));
  expect(delivery.body).toBe(message.string());
  expect(delivery.body).toBe(message.string());
  expect(delivery.distrust).toBeNull();
});
