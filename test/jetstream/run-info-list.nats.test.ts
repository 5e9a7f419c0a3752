import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunStatus } from "../../src/core/checkpoint/checkpoint.ts";
import { inParallel } from "../../src/core/in-parallel.ts";
import type { Page, RunFilter, RunInfoStore } from "../../src/core/ports/stores.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { newestFirst } from "../../src/jetstream/run-cursor.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { infoOf } from "../conformance/fixtures.ts";
import { startTestServer } from "../support/nats-server.ts";
import { type Opened, opened, plainConnection } from "./support.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Lists with everything that is read counted. */
async function counted<T>(url: string, list: () => Promise<T>): Promise<[T, number]> {
  await using plain = await plainConnection(url);
  let reads = 0;
  for (const subject of [
    "$JS.API.DIRECT.GET.>",
    "$JS.API.STREAM.INFO.>",
    "$JS.API.STREAM.MSG.GET.>",
  ]) {
    plain.nc.subscribe(subject, { callback: () => void reads++ });
  }
  await plain.nc.flush();
  const result = await list();
  await plain.nc.flush();
  return [result, reads];
}

describe("listing of very many runs", () => {
  const TOTAL = 60_000;
  const namespace = "large";
  const all: RunInfo[] = [];
  let one: Opened;

  beforeAll(async () => {
    one = await opened({ servers: server.url, namespace });
    // Written raw, as the store would, to be quick.
    const js = jetstream(one.backend.connection);
    const rollup = headers();
    rollup.set("Nats-Rollup", "sub");
    const ids = Array.from({ length: TOTAL }, (_, i) => i);
    await inParallel(ids, 256, (i) => {
      const info = infoAt(i, i % 1_000 === 0 ? "failed" : "running", Date.now());
      all.push(info);
      const key = `${info.workflow}.${info.status}.${info.runId}`;
      return js.publish(`$KV.large-runs.${key}`, JSON.stringify(info), { headers: rollup });
    });
    all.sort(newestFirst);
  }, 60_000);
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
  });

  const filters: readonly (readonly [RunFilter, number])[] = [
    [{}, 100],
    [{}, 1_000],
    [{ status: "running" }, 20],
    [{ status: "failed" }, 20],
    [{ workflow: "w3" }, 100],
    [{ workflow: "w3", status: "failed" }, 20],
    [{ createdFrom: "2999-01-01T00:00:00Z" }, 100],
  ];

  it.each(filters)("gives the first page of %j, %i runs, with few reads", async (filter, limit) => {
    const [page, reads] = await counted(server.url, () =>
      one.backend.runs.list(filter, limit, null),
    );
    const fitting = all.filter(
      ({ status, workflow }) =>
        status === (filter.status ?? status) &&
        workflow === (filter.workflow ?? workflow) &&
        filter.createdFrom === undefined,
    );
    expect(page.items).toEqual(fitting.slice(0, limit));
    expect(reads).toBeLessThan(20);
  });

  it("gives a page in the middle with few reads too", async () => {
    let page: Page<RunInfo> = await one.backend.runs.list({}, 1_000, null);
    for (let i = 0; i < 20; i++) page = await one.backend.runs.list({}, 1_000, page.cursor);
    const [next, reads] = await counted(server.url, () =>
      one.backend.runs.list({}, 1_000, page.cursor),
    );
    expect(next.items).toEqual(all.slice(21_000, 22_000));
    expect(reads).toBeLessThan(20);
  });
});

describe("listing of runs that take their time", () => {
  it("needs few reads even where all were written long after they were created", async () => {
    await using one = await opened({ servers: server.url, namespace: "late" });
    const js = jetstream(one.backend.connection);
    const created = Date.now() - 3_600_000;
    const all = Array.from({ length: 30_000 }, (_, i) => infoAt(i, "completed", created + i));
    await inParallel(all, 256, (info) =>
      js.publish(`$KV.late-runs.${info.workflow}.completed.${info.runId}`, JSON.stringify(info)),
    );
    const [page, reads] = await counted(server.url, () => one.backend.runs.list({}, 50, null));
    expect(page.items).toEqual(all.slice(-50).reverse());
    expect(reads).toBeLessThan(20);
  });

  it("pages through all of them, each once, newest first, however they were written", async () => {
    await using one = await opened({ servers: server.url, namespace: "slow" });
    const { runs } = one.backend;
    const random = randomOf(7);
    const now = Date.now();
    // Created over an hour, written in a wild order, many of them several times.
    const all = Array.from({ length: 3_000 }, (_, i) =>
      infoAt(i, "running", now - Math.floor(random() * 3_600_000)),
    );
    await inParallel(all, 64, (info) => runs.create(info));
    const moved = all.map((info, i) => (i % 3 === 0 ? ended(info) : info));
    await inParallel(
      moved.filter((_, i) => i % 3 === 0),
      64,
      (info) => runs.replace(info, ["running"]),
    );
    for (const [filter, limit] of [
      [{}, 1_000],
      [{}, 70],
      [{ status: "completed" }, 90],
      [{ status: "running" }, 333],
    ] as const) {
      const fitting = moved.filter(
        ({ status }) => !("status" in filter) || status === filter.status,
      );
      const listed = await everyPage(runs, filter, limit);
      expect(listed.map(({ runId }) => runId)).toEqual(
        fitting.toSorted(newestFirst).map(({ runId }) => runId),
      );
    }
  });

  it("misses no run that moves while it is paged", async () => {
    await using one = await opened({ servers: server.url, namespace: "moving" });
    const { runs } = one.backend;
    const now = Date.now();
    const all = Array.from({ length: 2_000 }, (_, i) => infoAt(i, "running", now - 10_000 + i));
    await inParallel(all, 64, (info) => runs.create(info));
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page: Page<RunInfo> = await runs.list({}, 150, cursor);
      for (const { runId } of page.items) {
        expect(seen.has(runId), runId).toBe(false);
        seen.add(runId);
      }
      cursor = page.cursor;
      const some = Array.from({ length: 5 }, (_, i) => all[(seen.size * 3 + i * 397) % 2_000]);
      await Promise.all(some.map((info) => info && runs.replace(ended(info), ["running"])));
    } while (cursor !== null);
    expect(seen.size).toBe(2_000);
  });

  it("passes over what is no run info", async () => {
    await using one = await opened({ servers: server.url, namespace: "broken" });
    const { runs, connection } = one.backend;
    await runs.create(infoOf("r"));
    const js = jetstream(connection);
    await js.publish("$KV.broken-runs.orders.running.bad", "not json");
    await js.publish("$KV.broken-runs.orders.running.odd", `{"status":"running"}`);
    expect((await runs.list({}, 10, null)).items.map(({ runId }) => runId)).toEqual(["r"]);
    expect(await runs.get("bad")).toBeNull();
  });

  it("refuses a cursor that it did not give", async () => {
    await using one = await opened({ servers: server.url, namespace: "cursor" });
    await expect(one.backend.runs.list({}, 10, "nonsense")).rejects.toMatchObject({
      code: "validation",
    });
  });
});

function infoAt(i: number, status: RunStatus, createdMs: number): RunInfo {
  const createdAt = new Date(createdMs).toISOString();
  return infoOf(`r${i}`, { status, workflow: `w${i % 7}`, createdAt, revision: 1 });
}

function ended(info: RunInfo): RunInfo {
  const { runId, workflow, createdAt } = info;
  return infoOf(runId, { status: "completed", workflow, createdAt, revision: 2 });
}

async function everyPage(runs: RunInfoStore, filter: RunFilter, limit: number): Promise<RunInfo[]> {
  const all: RunInfo[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<RunInfo> = await runs.list(filter, limit, cursor);
    all.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return all;
}

/** Repeatable chance. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
