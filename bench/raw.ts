// What JetStream can do through the official client, measured in the same run: the limit to compare with.

import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { eventually } from "../test/support/eventually.ts";
import type { Pipelined } from "./stats.ts";
import { pipelined } from "./stats.ts";
import type { System } from "./system.ts";

/** What the raw figures need of a system: its connection, and how many copies its streams have. */
export type RawSystem = Pick<System, "nc" | "replicas">;

let buckets = 0;

/** Compare-and-set of KV entries of 200 bytes, each call of the pipeline on a key of its own. */
export async function rawCompareAndSet(
  { nc, replicas }: RawSystem,
  total: number,
  depth: number,
): Promise<Pipelined> {
  const kv = await new Kvm(nc).create(`bench-cas-${buckets++}`, { replicas });
  const value = "x".repeat(200);
  // A server of a cluster that has not heard of a stream yet says that nobody answers for it.
  await eventually(() => kv.put("first", value));
  const free = await Promise.all(
    Array.from({ length: depth * 2 }, async (_, i) => ({
      key: `k${i}`,
      revision: await kv.create(`k${i}`, value),
    })),
  );
  const measured = await pipelined(total, depth, async () => {
    const entry = free.shift();
    if (entry === undefined) throw new Error("more calls in flight than keys");
    entry.revision = await kv.update(entry.key, value, entry.revision);
    free.push(entry);
  });
  await kv.destroy();
  return measured;
}

/**
 * Publish of 200 bytes to a stream, acknowledged.
 *
 * @param pauseMs - before each: after a pause everything that takes part has to wake up
 */
export async function rawPublish(
  { nc, replicas }: RawSystem,
  total: number,
  depth: number,
  pauseMs = 0,
): Promise<Pipelined> {
  const js = jetstream(nc);
  const name = `bench-publish-${buckets++}`;
  const jsm = await js.jetstreamManager();
  await jsm.streams.add({ name, subjects: [`${name}.>`], num_replicas: replicas });
  const value = "x".repeat(200);
  const publish = (i: number) => js.publish(`${name}.${i % 64}`, value);
  await eventually(() => publish(0));
  const measured = await pipelined(total, depth, publish, pauseMs);
  await jsm.streams.delete(name);
  return measured;
}
