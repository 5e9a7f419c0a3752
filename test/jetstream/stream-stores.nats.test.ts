import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { errorOf, eventOf, heartbeatOf, metricsOf } from "../conformance/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { opened, plainConnection } from "./support.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const events = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => eventOf("r", from + i));

describe("history", () => {
  it("is paged through many chunks, each event once, although chunks repeat and cross", async () => {
    await using one = await opened({ servers: server.url, namespace: "history" });
    const { history } = one.backend;
    const chunks = Array.from({ length: 1_500 }, (_, i) => events(2 * i + 1, 2 * i + 3));
    for (const [i, chunk] of chunks.entries()) {
      const other = chunks[i ^ 1] ?? chunk;
      await history.append("orders", "r", other);
    }
    const numbers: number[] = [];
    for (let after = 0; ; after = numbers.at(-1) ?? 0) {
      const page = await history.list("orders", "r", after, 700);
      if (page.length === 0) break;
      numbers.push(...page.map(({ number }) => number));
    }
    expect(numbers).toEqual(Array.from({ length: 3_001 }, (_, i) => i + 1));
  });

  it("shows what came late, although that place was listed before", async () => {
    await using one = await opened({ servers: server.url, namespace: "late" });
    const { history } = one.backend;
    await history.append("orders", "r", events(1, 2));
    expect(await history.list("orders", "r", 0, 10)).toEqual(events(1, 2));
    expect(await history.list("orders", "r", 2, 10)).toEqual([]);
    await history.append("orders", "r", events(5, 6));
    expect(await history.list("orders", "r", 2, 10)).toEqual(events(5, 6));
    await history.append("orders", "r", events(2, 4));
    expect(await history.list("orders", "r", 2, 10)).toEqual(events(3, 6));
    expect(await history.list("orders", "r", 0, 10)).toEqual(events(1, 6));
  });

  it("cuts what is too large for one message into several", async () => {
    await using one = await opened({ servers: server.url, namespace: "cut" });
    const { history, maxValueBytes } = one.backend;
    const large = events(1, 5).map((event) => ({ ...event, kind: "x".repeat(maxValueBytes / 3) }));
    await history.append("orders", "r", large);
    expect(await history.list("orders", "r", 0, 10)).toEqual(large);
    const huge = [{ ...eventOf("r", 6), kind: "x".repeat(maxValueBytes) }];
    await expect(history.append("orders", "r", huge)).rejects.toMatchObject({
      code: "payload_too_large",
    });
  });

  it("is bounded by bytes where that is wanted: the oldest goes first", async () => {
    await using one = await opened({
      servers: server.url,
      namespace: "bounded",
      historyMaxBytes: 20_000,
    });
    const { history } = one.backend;
    for (let i = 1; i <= 100; i++) {
      await history.append("orders", "r", [{ ...eventOf("r", i), kind: "x".repeat(500) }]);
    }
    const left = await history.list("orders", "r", 0, 1_000);
    expect(left.length).toBeGreaterThan(10);
    expect(left.length).toBeLessThan(40);
    expect(left.at(-1)?.number).toBe(100);
  });
});

describe("dead letters", () => {
  const letter = (more: object) => ({
    code: "validation",
    reason: "it does not fit",
    subject: "s",
    workflow: "orders",
    runId: null,
    body: "",
    ...more,
  });

  it("keep the first 64 KiB of a body, and whole characters", async () => {
    await using one = await opened({ servers: server.url, namespace: "dead" });
    const { deadLetters } = one.backend;
    await deadLetters.add(letter({ body: "☃".repeat(64 * 1_024) }));
    const [kept] = await deadLetters.list(1, null);
    const bytes = Buffer.byteLength(kept?.body ?? "");
    expect(bytes).toBeGreaterThan(64 * 1_024 - 3);
    expect(bytes).toBeLessThanOrEqual(64 * 1_024);
    expect(kept?.body).toMatch(/^☃+$/);
  });

  it("carry a reason of several lines on one, not endlessly", async () => {
    await using one = await opened({ servers: server.url, namespace: "reason" });
    const { deadLetters } = one.backend;
    await deadLetters.add(letter({ reason: `bad\r\nNats-Evil: 1\n${"x".repeat(5_000)}` }));
    const [kept] = await deadLetters.list(1, null);
    expect(kept?.reason).toMatch(/^bad Nats-Evil: 1 x+$/);
    expect(kept?.reason.length).toBe(1_000);
  });

  it("are bounded by bytes: the oldest goes first, and listing finds the rest", async () => {
    await using one = await opened({
      servers: server.url,
      namespace: "few",
      deadLetterMaxBytes: 50_000,
    });
    const { deadLetters } = one.backend;
    for (let i = 0; i < 100; i++)
      await deadLetters.add(letter({ body: `${i} ${"x".repeat(1_000)}` }));
    const ids: number[] = [];
    for (let before: number | null = null; ; before = ids.at(-1) ?? null) {
      const page: readonly { id: number }[] = await deadLetters.list(7, before);
      if (page.length === 0) break;
      ids.push(...page.map(({ id }) => id));
    }
    expect(ids[0]).toBe(100);
    expect(ids.length).toBeLessThan(60);
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => 100 - i));
  });
});

describe("lifetimes", () => {
  it("are given to errors, heartbeats, and the figures of ended runs only", async () => {
    await using one = await opened({
      servers: server.url,
      namespace: "lives",
      retentionMs: 1_000,
    });
    const { metrics, errors, liveness } = one.backend;
    await metrics.put({ ...metricsOf("ended"), status: "completed" });
    await metrics.put(metricsOf("going"));
    await metrics.put({ ...metricsOf("odd"), status: "asleep" });
    await errors.put(errorOf("going", 1, 1));
    await liveness.put(() => heartbeatOf("w"));
    await eventually(async () => {
      expect(await metrics.get("ended")).toBeNull();
      expect(await errors.list("going", 10)).toEqual([]);
    });
    expect(await metrics.get("going")).not.toBeNull();
    expect(await metrics.get("odd")).not.toBeNull();
    await using plain = await plainConnection(server.url);
    const beat = await plain.jsm.direct.getMessage("KV_lives-liveness", {
      last_by_subj: "$KV.lives-liveness.w",
    });
    expect(beat?.header.get("Nats-TTL")).toBe("600s");
  });

  it("end with what was removed: markers go by themselves", async () => {
    await using one = await opened({ servers: server.url, namespace: "markers" });
    await one.backend.metrics.put(metricsOf("r"));
    await one.backend.metrics.remove("r");
    await using plain = await plainConnection(server.url);
    const marker = await plain.jsm.direct.getMessage("KV_markers-metrics", {
      last_by_subj: "$KV.markers-metrics.r",
    });
    expect(marker?.header.get("KV-Operation")).toBe("PURGE");
    expect(marker?.header.get("Nats-TTL")).toBe("30s");
  });

  it("lists the errors of a run that has very many", async () => {
    await using one = await opened({ servers: server.url, namespace: "failing" });
    const { errors } = one.backend;
    const all = Array.from({ length: 1_300 }, (_, i) => errorOf("r", i + 1, 1, i));
    await Promise.all(all.map((error) => errors.put(error)));
    expect(await errors.list("r", 1_000)).toEqual(all.slice(-1_000));
    await errors.remove("r");
    expect(await errors.list("r", 10)).toEqual([]);
  });
});
