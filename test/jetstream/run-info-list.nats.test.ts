import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunStatus } from "../../src/core/checkpoint/checkpoint.ts";
import { inParallel } from "../../src/core/in-parallel.ts";
import type { Page, RunFilter, RunInfoStore } from "../../src/core/ports/stores.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { StreamReader } from "../../src/jetstream/stream-reader.ts";
import { infoOf } from "../conformance/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { type Opened, opened, plainConnection } from "./support.ts";

/** Most that a page of 50 runs may cost. */
const MOST = { messages: 200, requests: 20 };
/** Most requests for a first page whose runs lie together, wherever that is. */
const MOST_TOGETHER = 10;
/** Most requests for a page whose runs lie far apart. */
const MOST_APART = 40;

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** What a call costs the connection, in messages that come and requests that go. */
async function costOf<T>({ backend }: Opened, call: () => Promise<T>) {
  const before = backend.connection.stats();
  const result = await call();
  const after = backend.connection.stats();
  const cost = {
    messages: after.inMsgs - before.inMsgs,
    requests: after.outMsgs - before.outMsgs,
  };
  return { result, cost };
}

function expectCheap(cost: { messages: number; requests: number }): void {
  expect(cost.messages).toBeLessThanOrEqual(MOST.messages);
  expect(cost.requests).toBeLessThanOrEqual(MOST.requests);
}

/** What is stored, last write first, as the official client reads it. Nothing may be written meanwhile, or expire. */
async function storedIn(namespace: string): Promise<RunInfo[]> {
  await using plain = await plainConnection(server.url);
  const kv = await new Kvm(plain.nc).open(`${namespace}-runs`);
  const { values } = await kv.status();
  const newest = new Map<string, RunInfo | null>();
  let left = values;
  for await (const entry of await kv.watch()) {
    newest.delete(entry.key);
    newest.set(entry.key, entry.operation === "PUT" ? entry.json<RunInfo>() : null);
    if (--left === 0) break;
  }
  return [...newest.values()].filter((info) => info !== null).reverse();
}

/** Waits until so many messages are stored: until the markers of removed entries have gone. */
async function settled(namespace: string, messages: number): Promise<void> {
  await using plain = await plainConnection(server.url);
  await eventually(async () => {
    const { state } = await plain.jsm.streams.info(`KV_${namespace}-runs`);
    expect(state.messages).toBe(messages);
  });
}

const fits =
  ({ status, workflow }: RunFilter) =>
  (info: RunInfo): boolean =>
    info.status === (status ?? info.status) && info.workflow === (workflow ?? info.workflow);

describe("listing of 5,000 runs", () => {
  const OLD = 300;
  const RARE = 60;
  const TOTAL = 5_000;
  const WAVE = 5_000;
  const namespace = "stored";
  let one: Opened;

  const filters: readonly RunFilter[] = [
    {},
    { status: "completed" },
    { status: "failed" },
    { status: "running" },
    { status: "cancelled" },
    { workflow: "brief" },
    { workflow: "rare" },
    { workflow: "rare", status: "failed" },
    { workflow: "nothing" },
  ];

  const first = (filter: RunFilter) => costOf(one, () => one.backend.runs.list(filter, 50, null));

  beforeAll(async () => {
    one = await opened({ servers: server.url, namespace });
    const ids = Array.from({ length: TOTAL }, (_, i) => i);
    await inParallel(ids, 128, async (i) => {
      const info = infoAt(i, i < OLD ? "waiting" : i < OLD + RARE ? "rare" : "brief");
      await one.backend.runs.create(info);
      if (i >= OLD) await end(one.backend.runs, info, i % 16 === 0 ? "failed" : "completed");
    });
    await settled(namespace, TOTAL);
  }, 60_000);
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
  });

  it.each(filters)("reads little for the first page of %j", async (filter) => {
    const stored = await storedIn(namespace);
    const { result, cost } = await first(filter);
    expect(result.items).toEqual(stored.filter(fits(filter)).slice(0, 50));
    expectCheap(cost);
    expect(cost.requests).toBeLessThanOrEqual(MOST_TOGETHER);
  });

  it.each([
    { filter: { status: "running" }, most: 5 },
    { filter: { workflow: "rare" }, most: 5 },
    { filter: { workflow: "rare", status: "failed" }, most: 5 },
    { filter: { workflow: "nothing" }, most: 4 },
  ] as const)("looks no more than once where $filter lies low in the stream", async (one) => {
    const { cost } = await first(one.filter);
    expect(cost.requests).toBeLessThanOrEqual(one.most);
  });

  it.each(filters)("reads little for each page after that of %j", async (filter) => {
    const stored = await storedIn(namespace);
    const all: RunInfo[] = [];
    for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
      const { result, cost } = await costOf(one, () => one.backend.runs.list(filter, 50, cursor));
      all.push(...result.items);
      expectCheap(cost);
      cursor = result.cursor;
    }
    expect(all).toEqual(stored.filter(fits(filter)));
  });

  it("reads little for what was created since", async () => {
    const { result, cost } = await first({ createdFrom: "2999-01-01T00:00:00Z" });
    expect(result).toEqual({ items: [], cursor: null });
    expectCheap(cost);
  });

  describe("and of as many that were started after them", () => {
    const wave = Array.from({ length: WAVE }, (_, i) => infoAt(TOTAL + i, "brief"));

    beforeAll(async () => {
      await inParallel(wave, 128, (info) => one.backend.runs.create(info));
    }, 60_000);

    it.each(filters)("reads little for the first page of %j", async (filter) => {
      const stored = await storedIn(namespace);
      const { result, cost } = await first(filter);
      expect(result.items).toEqual(stored.filter(fits(filter)).slice(0, 50));
      expectCheap(cost);
      expect(cost.requests).toBeLessThanOrEqual(MOST_TOGETHER);
    });

    it("lists as running what still runs right after many have ended, and soon reads little for it", async () => {
      const { runs } = one.backend;
      const filter = { status: "running" } as const;
      const stored = await storedIn(namespace);
      const ending = wave.filter((_, i) => i % 200 !== 0);
      const ended = new Set(ending.map(({ runId }) => runId));
      await inParallel(ending, 128, (info) => end(runs, info, "completed"));
      const running = stored.filter(fits(filter)).filter(({ runId }) => !ended.has(runId));
      expect(running).toHaveLength(OLD + WAVE - ending.length);
      expect((await runs.list(filter, 50, null)).items).toEqual(running.slice(0, 50));
      await settled(namespace, TOTAL + WAVE);
      const { result, cost } = await first(filter);
      expect(result.items).toEqual(running.slice(0, 50));
      // 25 lie among the newest, the others below all that ended.
      expect(cost.messages).toBeLessThanOrEqual(MOST.messages);
      expect(cost.requests).toBeLessThanOrEqual(MOST_APART);
    });
  });
});

describe("listing of very many runs", () => {
  const TOTAL = 30_000;
  const namespace = "large";
  let one: Opened;

  beforeAll(async () => {
    one = await opened({ servers: server.url, namespace });
    // Written raw, as the store would, to be quick.
    const js = jetstream(one.backend.connection);
    const rollup = headers();
    rollup.set("Nats-Rollup", "sub");
    const ids = Array.from({ length: TOTAL }, (_, i) => i);
    await inParallel(ids, 256, (i) => {
      const info = infoAt(i, "brief");
      const key = `${info.workflow}.${info.status}.${info.runId}`;
      return js.publish(`$KV.large-runs.${key}`, JSON.stringify(info), { headers: rollup });
    });
  }, 60_000);
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
  });

  it("reads little more than it gives for a page of a thousand, in the middle too", async () => {
    const stored = await storedIn(namespace);
    let cursor: string | null = null;
    for (let page = 0; page < 15; page++) {
      const { result, cost } = await costOf(one, () => one.backend.runs.list({}, 1_000, cursor));
      expect(result.items).toEqual(stored.slice(page * 1_000, (page + 1) * 1_000));
      expect(cost.messages).toBeLessThan(2_000);
      expect(cost.requests).toBeLessThanOrEqual(MOST.requests);
      cursor = result.cursor;
    }
  });

  it("hands out pages with nothing on them, and a cursor, rather than read all for one", async () => {
    const { runs } = one.backend;
    const filter = { createdBefore: "2020-01-01T00:00:00Z" };
    let pages = 0;
    for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
      const { result, cost } = await costOf(one, () => runs.list(filter, 50, cursor));
      expect(result.items).toEqual([]);
      expect(cost.messages).toBeLessThan(15_000);
      cursor = result.cursor;
      pages++;
    }
    expect(pages).toBeGreaterThan(2);
  });
});

describe("listing of runs that are written while they are listed", () => {
  it("gives each run that stands still once, while others move and begin", async () => {
    await using one = await opened({ servers: server.url, namespace: "moving" });
    const { runs } = one.backend;
    const all = Array.from({ length: 2_000 }, (_, i) => infoAt(i, "brief"));
    await inParallel(all, 64, (info) => runs.create(info));
    const moved = new Set<string>();
    const listed: string[] = [];
    let begun = all.length;
    let cursor: string | null = null;
    do {
      // At the same time: what a page is told of numbers is old when it uses them.
      const moving = Array.from(
        { length: 20 },
        (_, i) => all[(listed.length * 3 + i * 97) % 2_000],
      );
      const [page]: readonly [Page<RunInfo>, ...unknown[]] = await Promise.all([
        runs.list({ status: "running" }, 150, cursor),
        ...moving.map(async (info) => {
          if (info === undefined || moved.has(info.runId)) return;
          moved.add(info.runId);
          await end(runs, info, "completed");
        }),
        ...moving.map(() => runs.create(infoAt(begun++, "brief"))),
      ]);
      listed.push(...page.items.map(({ runId }) => runId));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(new Set(listed).size).toBe(listed.length);
    const still = all.map(({ runId }) => runId).filter((runId) => !moved.has(runId));
    expect(still.filter((runId) => !listed.includes(runId))).toEqual([]);
  });

  it.each([
    [2, 100],
    [50, 100],
    [50, 390],
  ])("gives %i runs below %i others although those go meanwhile", async (limit, listed) => {
    const namespace = `going-${limit}-${listed}`;
    await using one = await opened({ servers: server.url, namespace });
    await using plain = await plainConnection(server.url);
    const { runs } = one.backend;
    const filter = { status: "running" } as const;
    await inParallel(
      Array.from({ length: 400 }, (_, i) => infoAt(i, "brief")),
      64,
      (info) => runs.create(info),
    );
    const stored = await storedIn(namespace);
    const { cursor } = await runs.list(filter, listed, null);
    const above = stored.slice(0, listed);
    const from = StreamReader.prototype.from;
    const spy = vi.spyOn(StreamReader.prototype, "from");
    spy.mockImplementation(async function (this: StreamReader, ...args) {
      for (const { runId } of above.splice(0, 25)) {
        const key = `$KV.${namespace}-runs.brief.running.${runId}`;
        await plain.jsm.streams.purge(`KV_${namespace}-runs`, { filter: key });
      }
      return from.apply(this, args);
    });
    try {
      const { items } = await runs.list(filter, limit, cursor);
      expect(items).toEqual(stored.slice(listed, listed + limit));
      expect(above.length).toBeLessThan(listed - 50);
    } finally {
      spy.mockRestore();
    }
  });

  it.each([
    ["what a writer leaves that dies on its way", 1, 7],
    ["what a writer files that comes too late", 7, 1],
  ])(
    "shows a run that stands under two keys once, as its newer revision says: %s",
    async (_, first, second) => {
      const namespace = `twice-${first}`;
      await using one = await opened({ servers: server.url, namespace });
      const js = jetstream(one.backend.connection);
      for (const revision of [first, second]) {
        const status = revision === 7 ? "failed" : "running";
        const info = infoOf("r", { workflow: "brief", status, revision });
        await js.publish(`$KV.${namespace}-runs.brief.${status}.r`, JSON.stringify(info));
      }
      const { items } = await one.backend.runs.list({}, 10, null);
      expect(items).toMatchObject([{ runId: "r", status: "failed", revision: 7 }]);
    },
  );

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

  it("takes a cursor that lies beyond the end for the end", async () => {
    await using one = await opened({ servers: server.url, namespace: "beyond" });
    const { runs } = one.backend;
    await runs.create(infoOf("r"));
    const page: Page<RunInfo> = await runs.list({}, 10, "999999");
    expect(page).toEqual({ items: [infoOf("r")], cursor: null });
  });
});

function infoAt(i: number, workflow: string): RunInfo {
  return infoOf(`r${i}`, { workflow, createdAt: new Date().toISOString(), revision: 1 });
}

async function end(runs: RunInfoStore, info: RunInfo, status: RunStatus): Promise<void> {
  const { runId, workflow, createdAt } = info;
  const from = ["running", "paused"] as const;
  await runs.replace(infoOf(runId, { status, workflow, createdAt, revision: 2 }), from);
}
