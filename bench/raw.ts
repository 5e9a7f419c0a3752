// What JetStream can do through the official client, measured in the same run: the limit to compare with.

import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { pipelined } from "./stats.ts";

type Measured = Awaited<ReturnType<typeof pipelined>>;

/** Compare-and-set of a KV entry of 200 bytes, each worker of the pipeline on its own keys. */
export async function rawCompareAndSet(
  nc: NatsConnection,
  total: number,
  depth: number,
): Promise<Measured> {
  const kv = await new Kvm(nc).create(`bench-cas-${depth}-${Date.now()}`);
  const keys = Math.max(depth, 1) * 2;
  const value = "x".repeat(200);
  const revisions = await Promise.all(
    Array.from({ length: keys }, (_, i) => kv.create(`k${i}`, value)),
  );
  const busy = new Set<number>();
  const measured = await pipelined(total, depth, async () => {
    let key = 0;
    while (busy.has(key)) key++;
    busy.add(key);
    revisions[key] = await kv.update(`k${key}`, value, revisions[key] ?? 0);
    busy.delete(key);
  });
  await kv.destroy();
  return measured;
}

/** Publish of 200 bytes to a stream, acknowledged. */
export async function rawPublish(
  nc: NatsConnection,
  total: number,
  depth: number,
): Promise<Measured> {
  const js = jetstream(nc);
  const name = `bench-publish-${depth}-${Date.now()}`;
  const jsm = await js.jetstreamManager();
  await jsm.streams.add({ name, subjects: [`${name}.>`] });
  const value = "x".repeat(200);
  const measured = await pipelined(total, depth, (i) => js.publish(`${name}.${i % 64}`, value));
  await jsm.streams.delete(name);
  return measured;
}
