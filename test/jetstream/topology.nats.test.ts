import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJetStreamBackend } from "../../src/jetstream/backend.ts";
import { checkServerVersion } from "../../src/jetstream/ensure-topology.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { checkpointOf, heartbeatOf, infoOf, metricsOf } from "../conformance/fixtures.ts";
import { startTestServer } from "../support/nats-server.ts";
import { opened, plainConnection, recordingLogger } from "./support.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("topology", () => {
  it("is made by many who open at once, each with other options", async () => {
    const backends = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        openJetStreamBackend({
          servers: server.url,
          namespace: "many",
          historyRetentionMs: 60_000 * (i + 1),
        }),
      ),
    );
    await Promise.all(backends.map((backend) => backend.queue.prepare("orders")));
    await Promise.all(backends.map((backend) => backend.close()));
    await using plain = await plainConnection(server.url);
    const streams = (await plain.jsm.streams.names().next()).filter((name) => /many/.test(name));
    expect(streams.sort()).toEqual([
      "KV_many-context",
      "KV_many-errors",
      "KV_many-liveness",
      "KV_many-metrics",
      "KV_many-runs",
      "KV_many-values",
      "many-dead",
      "many-history",
      "many-work",
    ]);
    const consumers = await plain.jsm.consumers.list("many-work").next();
    expect(consumers.map(({ name }) => name).sort()).toEqual(["start-orders", "work-orders"]);
  });

  it("is left as it is by who only looks, also where a stream is missing or differs", async () => {
    const of = { servers: server.url, namespace: "looked-at" };
    await using _made = await opened({ ...of, historyRetentionMs: 60_000 });
    await using plain = await plainConnection(server.url);
    await using _looking = await opened({ ...of, historyRetentionMs: 120_000, create: false });
    const { config } = await plain.jsm.streams.info("looked-at-history");
    expect(config.max_age).toBe(60_000 * 1_000_000);
    await plain.jsm.streams.delete("KV_looked-at-context");
    await expect(openJetStreamBackend({ ...of, create: false })).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining("lacks KV_looked-at-context"),
      details: { namespace: "looked-at", missing: ["KV_looked-at-context"] },
    });
    await expect(plain.jsm.streams.info("KV_looked-at-context")).rejects.toThrow(/not found/);
  });

  it("remembers message ids for 30 seconds, but no longer than a history lives, and leaves other windows", async () => {
    const windowsOf = async (namespace: string) => {
      await using plain = await plainConnection(server.url);
      const streams = [`${namespace}-work`, `${namespace}-history`, `${namespace}-dead`];
      const infos = await Promise.all(streams.map((name) => plain.jsm.streams.info(name)));
      return infos.map(({ config }) => config.duplicate_window / 1e9);
    };
    await using _made = await opened({ servers: server.url, namespace: "ids" });
    expect(await windowsOf("ids")).toEqual([30, 30, 30]);
    const brief = { servers: server.url, namespace: "brief-ids", historyRetentionMs: 5_000 };
    await using _brief = await opened(brief);
    expect(await windowsOf("brief-ids")).toEqual([30, 5, 30]);
    await using plain = await plainConnection(server.url);
    await plain.jsm.streams.update("ids-work", { duplicate_window: 120e9 });
    await using _again = await opened({ servers: server.url, namespace: "ids" });
    expect(await windowsOf("ids")).toEqual([120, 30, 30]);
  });

  it("bounds nothing of the work queue, and has what the rules demand", async () => {
    await using one = await opened({ servers: server.url, namespace: "rules" });
    await one.backend.queue.prepare("orders");
    await using plain = await plainConnection(server.url);
    const { config: work } = await plain.jsm.streams.info("rules-work");
    expect(work).toMatchObject({
      retention: "workqueue",
      discard: "old",
      max_msgs: -1,
      max_bytes: -1,
      max_msgs_per_subject: -1,
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      allow_direct: true,
    });
    expect(work.max_age ?? 0).toBe(0);
    const { config: context } = await plain.jsm.streams.info("KV_rules-context");
    const buckets = { allow_rollup_hdrs: true, discard: "new" };
    expect(context).toMatchObject({ ...buckets, max_msgs_per_subject: -1 });
    const { config: runs } = await plain.jsm.streams.info("KV_rules-runs");
    expect(runs).toMatchObject({ ...buckets, max_msgs_per_subject: 2 });
    const { config: consumer } = await plain.jsm.consumers.info("rules-work", "work-orders");
    expect(consumer).toMatchObject({
      filter_subject: "rules.work.orders.>",
      ack_policy: "explicit",
      max_ack_pending: 20_000,
      max_waiting: 2_000,
    });
    expect(consumer.max_deliver).toBe(-1);
  });

  it("changes nothing when it is opened again", async () => {
    await using _ = await opened({ servers: server.url, namespace: "same" });
    const logger = recordingLogger();
    await using again = await opened({ servers: server.url, namespace: "same", logger });
    await again.backend.queue.prepare("orders");
    await using third = await opened({ servers: server.url, namespace: "same", logger });
    await third.backend.queue.prepare("orders");
    expect(logger.lines).toEqual([]);
  });

  it("changes what can be changed, and keeps what is stored", async () => {
    await using plain = await plainConnection(server.url);
    await plain.jsm.streams.add({
      name: "old-work",
      subjects: ["old.work.>", "old.start.*", "old.sched.>"],
      retention: "workqueue",
      max_bytes: 1_000_000,
    });
    await plain.jsm.streams.add({
      name: "KV_old-context",
      subjects: ["$KV.old-context.>"],
      max_msgs_per_subject: 1,
    });
    await jetstream(plain.nc).publish("old.start.orders", `{"input":1}`);
    const logger = recordingLogger();
    await using _ = await opened({ servers: server.url, namespace: "old", logger });
    const { config: work, state } = await plain.jsm.streams.info("old-work");
    expect(work).toMatchObject({ allow_msg_schedules: true, allow_direct: true, max_bytes: -1 });
    expect(state.messages).toBe(1);
    const { config: context } = await plain.jsm.streams.info("KV_old-context");
    expect(context).toMatchObject({ max_msgs_per_subject: -1, allow_rollup_hdrs: true });
    expect(logger.lines).toContain("stream is being changed");
  });

  it("keeps what somebody has set where the options say nothing of it", async () => {
    await using first = await opened({
      servers: server.url,
      namespace: "kept",
      historyRetentionMs: 3_600_000,
      deadLetterMaxBytes: 1_000_000,
      ackWaitMs: 7_000,
      maxAckPending: 50,
    });
    await first.backend.queue.prepare("orders");
    await using second = await opened({ servers: server.url, namespace: "kept" });
    await second.backend.queue.prepare("orders");
    expect(second.backend.queue.ackWaitMs).toBe(7_000);
    await using plain = await plainConnection(server.url);
    expect((await plain.jsm.streams.info("kept-history")).config.max_age).toBe(3_600_000 * 1e6);
    expect((await plain.jsm.streams.info("kept-dead")).config.max_bytes).toBe(1_000_000);
    const { config } = await plain.jsm.consumers.info("kept-work", "start-orders");
    expect(config).toMatchObject({ ack_wait: 7_000 * 1e6, max_ack_pending: 50 });
    await using third = await opened({
      servers: server.url,
      namespace: "kept",
      historyRetentionMs: 7_200_000,
      ackWaitMs: 9_000,
    });
    await third.backend.queue.prepare("orders");
    expect((await plain.jsm.streams.info("kept-history")).config.max_age).toBe(7_200_000 * 1e6);
    const after = await plain.jsm.consumers.info("kept-work", "start-orders");
    expect(after.config).toMatchObject({ ack_wait: 9_000 * 1e6, max_ack_pending: 50 });
  });

  it.each([
    ["retention", { retention: "limits" }, "workqueue"],
    ["subjects", { subjects: ["bad-subjects.work.>"] }, "bad-subjects.start.*"],
  ] as const)("refuses a stream with another %s and says so", async (field, config, wanted) => {
    const namespace = `bad-${field}`;
    await using plain = await plainConnection(server.url);
    await plain.jsm.streams.add({
      name: `${namespace}-work`,
      subjects: ["work.>", "start.*", "sched.>"].map((kind) => `${namespace}.${kind}`),
      retention: "workqueue",
      ...(config as object),
    });
    const refusal = openJetStreamBackend({ servers: server.url, namespace });
    await expect(refusal).rejects.toMatchObject({
      code: "backend",
      details: { stream: `${namespace}-work`, field },
    });
    await expect(refusal).rejects.toThrow(wanted);
  });

  it("refuses a stream with another storage than the one asked for", async () => {
    await using _ = await opened({ servers: server.url, namespace: "mem", storage: "memory" });
    await expect(
      openJetStreamBackend({ servers: server.url, namespace: "mem", storage: "file" }),
    ).rejects.toMatchObject({
      code: "backend",
      details: { field: "storage", found: "memory", wanted: "file" },
    });
    await using again = await opened({ servers: server.url, namespace: "mem" });
    expect(again.backend.namespace).toBe("mem");
  });

  it("refuses subjects that another stream has already", async () => {
    await using plain = await plainConnection(server.url);
    await plain.jsm.streams.add({ name: "everything", subjects: ["taken.>"] });
    await expect(openJetStreamBackend({ servers: server.url, namespace: "taken" })).rejects.toThrow(
      /preparing the stream "taken-\w+": subjects overlap/,
    );
  });

  it("says that a single server cannot keep three replicas", async () => {
    await expect(
      openJetStreamBackend({ servers: server.url, namespace: "three", replicas: 3 }),
    ).rejects.toMatchObject({ code: "backend", message: /replicas/ });
  });

  it("refuses a server that is too old", () => {
    expect(() => checkServerVersion("2.11.9")).toThrow(/2\.12 or newer is needed/);
    for (const version of ["2.12.0", "2.15.1-beta.2", "3.0.0"]) {
      expect(() => checkServerVersion(version)).not.toThrow();
    }
  });

  it("is readable with the official KV client", async () => {
    await using one = await opened({ servers: server.url, namespace: "kv" });
    const { contexts, runs, metrics, liveness } = one.backend;
    const first = (await contexts.create(checkpointOf("a.b"))) ?? 0;
    const revision = await contexts.update(checkpointOf("a.b", { commit: "2" }), first);
    await contexts.create(checkpointOf("gone"));
    await contexts.remove("gone");
    await runs.create(infoOf("r"));
    await metrics.put(metricsOf("r"));
    await liveness.put(() => heartbeatOf("w"));
    await using plain = await plainConnection(server.url);
    const kvm = new Kvm(plain.nc);
    const context = await kvm.open("kv-context");
    const entry = await context.get("a=2Eb");
    expect(entry).toMatchObject({ key: "a=2Eb", revision, operation: "PUT" });
    expect(entry?.json()).toMatchObject({ runId: "a.b", commit: "2" });
    expect((await context.get("gone"))?.operation).toBe("PURGE");
    const keys: string[] = [];
    for await (const key of await context.keys()) keys.push(key);
    expect(keys).toEqual(["a=2Eb"]);
    expect((await (await kvm.open("kv-runs")).get("orders.running.r"))?.json()).toEqual(
      infoOf("r"),
    );
    expect(await (await kvm.open("kv-metrics")).get("r")).not.toBeNull();
    expect(await (await kvm.open("kv-liveness")).get("w")).not.toBeNull();
  });
});
