import { AckPolicy, type JetStreamManager, jetstream, RetentionPolicy } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers, nanos } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { checkpointOf, infoOf, itemOf } from "../conformance/fixtures.ts";
import { nameOf, take, takeAndAck } from "../conformance/inbox.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { opened, plainConnection } from "./support.ts";

// Faults of nats-server 2.15 that the adapter is built around. The tests that show a fault fail when a server has none:
// then what the adapter does about it can go.

const WORK = { kind: "work", workflow: "orders" } as const;
const ACK_WAIT_MS = 800;

describe("a purge by subject on a live work queue (nats-server issue 5727)", () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it("makes the server forget what workers have in hand of other runs", async () => {
    const lost = await itemsLost(server, (jsm, stream) =>
      jsm.streams.purge(stream, { filter: `${stream}.r2.>` }),
    );
    expect(lost, "the server is repaired: dropRun may purge by subject").toBe(5);
  });

  it("is not needed: deleting by position loses nothing", async () => {
    const lost = await itemsLost(server, async (jsm, stream) => {
      const found = await jsm.direct.getLastMessagesFor(stream, { multi_last: [`${stream}.r2.>`] });
      for await (const { seq } of found) await jsm.streams.deleteMessage(stream, seq, false);
    });
    expect(lost).toBe(0);
  });

  it("is not what dropRun does: other runs' items come again when their worker dies", async () => {
    const options = { servers: server.url, namespace: "drop", ackWaitMs: ACK_WAIT_MS };
    await using dying = await opened(options);
    await using living = await opened(options);
    const { queue } = living.backend;
    await queue.prepare("orders");
    await queue.enqueue([1, 2, 3, 4, 5].map((item) => itemOf("victim", item)));
    await queue.enqueue([1, 2, 3].map((item) => itemOf("dropped", item)));
    await queue.schedule(itemOf("dropped", 4), Date.now() + 3_600_000);
    await queue.enqueue([1, 2, 3].map((item) => itemOf("later", item)));
    await take(dying.backend.queue, WORK, 8);
    expect(await queue.dropRun("orders", "dropped")).toBe(4);
    await takeAndAck(queue, WORK, 3);
    const again = await takeAndAck(queue, WORK, 5);
    expect(again.map(nameOf).sort()).toEqual([1, 2, 3, 4, 5].map((item) => `victim/${item}`));
  });
});

describe("a hard kill of the server (nats-server issue 8505)", () => {
  it("brings older values back in a bucket with history 1", async () => {
    await using server = await startTestServer();
    {
      await using plain = await plainConnection(server.url);
      const bucket = await new Kvm(jetstream(plain.nc)).create("plain", { history: 1 });
      await bucket.put("stays", "1");
      for (const value of ["1", "2"]) for (const key of KEYS) await bucket.put(key, value);
      for (const key of KEYS) {
        await plain.jsm.streams.purge("KV_plain", { filter: `$KV.plain.${key}` });
      }
    }
    await server.kill();
    await server.restart();
    await using plain = await plainConnection(server.url);
    const { state } = await plain.jsm.streams.info("KV_plain");
    const message = "the server is repaired: buckets may have history 1 and plain puts";
    expect(state.messages - 1, message).toBe(KEYS.length);
  });

  it("brings nothing back of runs that were removed, moved or have expired", async () => {
    await using server = await startTestServer();
    const options = { servers: server.url, retentionMs: 1_000 };
    {
      await using one = await opened(options);
      const { contexts } = one.backend;
      await contexts.create(checkpointOf("stays"));
      await live(one.backend, [...EXPIRES, ...REMOVED]);
      await forget(one.backend, REMOVED);
      await eventually(async () => {
        const read = await Promise.all(EXPIRES.map((runId) => contexts.get(runId)));
        expect(read.every((one) => one === null)).toBe(true);
      });
    }
    await server.kill();
    await server.restart();
    await using after = await opened(options);
    const { contexts, runs } = after.backend;
    for (const runId of [...EXPIRES, ...REMOVED]) expect(await contexts.get(runId)).toBeNull();
    for (const runId of REMOVED) expect(await runs.get(runId)).toBeNull();
    expect((await runs.list({ status: "running" }, 1_000, null)).items).toEqual([]);
    expect(await contexts.get("stays")).not.toBeNull();
  });
});

const KEYS = Array.from({ length: 30 }, (_, i) => `k${i}`);
const EXPIRES = KEYS.map((key) => `expires-${key}`);
const REMOVED = KEYS.map((key) => `removed-${key}`);

/** Takes all runs from their beginning to their end, side by side: in waves the fault shows best. */
async function live({ contexts, runs }: JetStreamBackend, runIds: readonly string[]) {
  const revisions = new Map<string, number>();
  // Something that is to be executed: so most writes leave older ones behind.
  const items = { 1: { node: "charge", input: 0, attempt: 1, turn: 0 } };
  for (const runId of runIds) {
    await runs.create(infoOf(runId));
    revisions.set(runId, (await contexts.create(checkpointOf(runId, { items }))) ?? 0);
  }
  for (const commit of ["2", "3", "4", "5", "6", "end"]) {
    for (const runId of runIds) {
      const end = { commit, status: "completed" } as const;
      const next = checkpointOf(runId, commit === "end" ? end : { commit, items });
      revisions.set(runId, (await contexts.update(next, revisions.get(runId) ?? 0)) ?? 0);
    }
  }
  for (const runId of runIds) {
    const revision = revisions.get(runId) ?? 0;
    await runs.replace(infoOf(runId, { status: "completed", revision }), ["running"]);
  }
}

async function forget({ contexts, runs }: JetStreamBackend, runIds: readonly string[]) {
  for (const runId of runIds) {
    await contexts.remove(runId);
    await runs.remove(runId);
  }
}

/**
 * Puts items of two runs into a worker's hands, drops those of the second run, lets later items through, and counts how
 * many items of the first run never come again although their worker is silent.
 */
async function itemsLost(
  server: NatsServer,
  drop: (jsm: JetStreamManager, stream: string) => Promise<unknown>,
): Promise<number> {
  await using plain = await plainConnection(server.url);
  const { jsm, nc } = plain;
  const js = jetstream(nc);
  const stream = `Q${Math.random().toString(36).slice(2)}`;
  await jsm.streams.add({
    name: stream,
    subjects: [`${stream}.>`],
    retention: RetentionPolicy.Workqueue,
    allow_direct: true,
  });
  await jsm.consumers.add(stream, {
    durable_name: "w",
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
  });
  for (const subject of ["r1.1", "r1.2", "r1.3", "r1.4", "r1.5", "r2.1", "r2.2", "r3.1", "r3.2"]) {
    await js.publish(`${stream}.${subject}`, "", { headers: headers() });
  }
  const consumer = await js.consumers.get(stream, "w");
  for (let i = 0; i < 7; i++) await consumer.next({ expires: 2_000 });
  await drop(jsm, stream);
  for (let i = 0; i < 2; i++) await (await consumer.next({ expires: 2_000 }))?.ackAck();
  let back = 0;
  // One silence as long as three acknowledgement waits: nothing more comes.
  for (;;) {
    const message = await consumer.next({ expires: 3 * ACK_WAIT_MS });
    if (message === null) break;
    await message.ackAck();
    back++;
  }
  await jsm.streams.delete(stream);
  return 5 - back;
}
