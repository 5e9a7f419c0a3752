import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import type { CheckpointPage } from "../../src/core/ports/stores.ts";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { checkpointOf } from "../conformance/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { opened, plainConnection } from "./support.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("context store: answers that are lost", () => {
  let count = 0;
  let namespace = "";
  beforeEach(() => {
    namespace = `lost-${count++}`;
  });

  /** One backend behind a proxy, one beside it, and a run with one revision. */
  async function scene() {
    const proxy = await TcpProxy.before(server.port);
    const behind = await opened({ servers: proxy.url, namespace, requestTimeoutMs: 500 });
    const beside = await opened({ servers: server.url, namespace });
    const first = (await beside.backend.contexts.create(checkpointOf("r", { commit: "1" }))) ?? 0;
    return {
      proxy,
      store: behind.backend.contexts,
      other: beside.backend.contexts,
      first,
      [Symbol.asyncDispose]: async () => {
        await behind[Symbol.asyncDispose]();
        await beside[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  it("finds its own write where only the answer was lost", async () => {
    await using on = await scene();
    on.proxy.holdReplies();
    const writing = on.store.update(checkpointOf("r", { commit: "mine" }), on.first);
    const stored = await changed(on.other, on.first);
    on.proxy.cut();
    expect(await writing).toBe(stored);
    expect((await on.other.get("r"))?.checkpoint.commit).toBe("mine");
  });

  it("writes again where the request was lost", async () => {
    await using on = await scene();
    on.proxy.swallowRequests();
    const writing = on.store.update(checkpointOf("r", { commit: "mine" }), on.first);
    on.proxy.cut();
    const revision = await writing;
    expect(revision).toBeGreaterThan(on.first);
    expect(await on.other.get("r")).toMatchObject({ revision, checkpoint: { commit: "mine" } });
  });

  it("loses where somebody else wrote meanwhile", async () => {
    await using on = await scene();
    on.proxy.swallowRequests();
    const writing = on.store.update(checkpointOf("r", { commit: "mine" }), on.first);
    const revision = await on.other.update(checkpointOf("r", { commit: "theirs" }), on.first);
    on.proxy.cut();
    expect(await writing).toBeNull();
    expect(await on.other.get("r")).toMatchObject({ revision, checkpoint: { commit: "theirs" } });
  });

  it("finds its own write where the answer comes too late", async () => {
    await using on = await scene();
    on.proxy.holdReplies();
    const writing = on.store.update(checkpointOf("r", { commit: "mine" }), on.first);
    const stored = await changed(on.other, on.first);
    // Longer than the request may take: it is asked for again, and both answers come at once.
    await new Promise((resolve) => setTimeout(resolve, 900));
    on.proxy.release();
    expect(await writing).toBe(stored);
  });

  it("creates once where the answer to the creation was lost", async () => {
    await using on = await scene();
    on.proxy.holdReplies();
    const creating = on.store.create(checkpointOf("new", { commit: "mine" }));
    const stored = await eventually(async () => {
      const read = await on.other.get("new");
      expect(read).not.toBeNull();
      return read?.revision;
    });
    on.proxy.cut();
    expect(await creating).toBe(stored);
  });

  it("does not take an equal creation of somebody else for its own", async () => {
    await using on = await scene();
    on.proxy.swallowRequests();
    const creating = on.store.create(checkpointOf("new"));
    await on.other.create(checkpointOf("new"));
    on.proxy.cut();
    expect(await creating).toBeNull();
  });

  it("says that JetStream lost writes where it knows less than was acknowledged", async () => {
    await using on = await scene();
    await expect(on.store.get("r", on.first + 10)).rejects.toMatchObject({
      code: "backend",
      details: { revision: on.first, atLeast: on.first + 10 },
    });
  });
});

describe("context store: crashes of the server", () => {
  it("counts every increment once while the server is killed again and again", async () => {
    await using crashing = await startTestServer();
    await using one = await opened({ servers: crashing.url, requestTimeoutMs: 1_000 });
    await using two = await opened({ servers: crashing.url, requestTimeoutMs: 1_000 });
    const backends = [one.backend, two.backend];
    await one.backend.contexts.create(checkpointOf("r"));
    let alive = backends.length;
    const counting = Promise.all(
      backends.map((backend, i) => increment(backend, `w${i}`, 40).finally(() => alive--)),
    );
    let kills = 0;
    for (; alive > 0; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await crashing.kill();
      await crashing.restart();
    }
    await counting;
    expect(kills).toBeGreaterThan(1);
    expect((await one.backend.contexts.get("r"))?.checkpoint.counters.items).toBe(80);
  }, 60_000);
});

describe("context store: lifetimes", () => {
  it("forgets an ended run after its retention, keeps one that goes on, and one that was resumed", async () => {
    const namespace = "lives";
    await using one = await opened({ servers: server.url, namespace, retentionMs: 1_000 });
    const { contexts } = one.backend;
    for (const runId of ["ended", "going", "resumed"]) {
      const first = (await contexts.create(checkpointOf(runId))) ?? 0;
      if (runId === "going") continue;
      const ended = checkpointOf(runId, { status: "cancelled", commit: "2" });
      const second = (await contexts.update(ended, first)) ?? 0;
      if (runId === "resumed") await contexts.update(checkpointOf(runId, { commit: "3" }), second);
    }
    expect(await contexts.get("ended")).not.toBeNull();
    await eventually(async () => expect(await contexts.get("ended")).toBeNull());
    expect(await contexts.get("going")).not.toBeNull();
    expect(await contexts.get("resumed")).not.toBeNull();
    expect(await contexts.create(checkpointOf("ended", { commit: "new" }))).not.toBeNull();
  });

  const items = { 1: { node: "charge", input: 0, attempt: 1, turn: 0 } };

  it("keeps some older messages of a run that moves, and one of a run that rests or has ended", async () => {
    await using one = await opened({ servers: server.url, namespace: "some-each" });
    await using plain = await plainConnection(server.url);
    const { contexts } = one.backend;
    const kept = async () => (await plain.jsm.streams.info("KV_some-each-context")).state.messages;
    let revision = (await contexts.create(checkpointOf("r", { items }))) ?? 0;
    const write = async (more: Partial<Checkpoint>) => {
      revision = (await contexts.update(checkpointOf("r", more), revision)) ?? 0;
    };
    const most: number[] = [];
    for (let i = 0; i < 200; i++) {
      await write({ items, commit: `${i}` });
      most.push(await kept());
    }
    expect(Math.max(...most)).toBeGreaterThan(5);
    expect(Math.max(...most)).toBeLessThan(100);
    const hold = { for: "go", until: null, since: "2026-01-01T00:00:00.000Z" };
    await write({ items: { 1: { ...items[1], hold } }, commit: "rests" });
    expect(await kept()).toBe(1);
    await write({ items, commit: "goes on" });
    await write({ items, commit: "is large", context: { text: "x".repeat(10_000) } });
    expect(await kept()).toBe(1);
    await write({ items, commit: "moves" });
    await write({ status: "completed", commit: "ends" });
    expect(await kept()).toBe(1);
  });

  it("gives everybody the same, whoever has written what has changed", async () => {
    const open = () => opened({ servers: server.url, namespace: "patched" });
    await using one = await open();
    await using two = await open();
    await using onlooker = await open();
    const writers = [one.backend.contexts, two.backend.contexts];
    let checkpoint = checkpointOf("r", { items });
    let revision = (await one.backend.contexts.create(checkpoint)) ?? 0;
    for (let i = 0; i < 60; i++) {
      const store = writers[i % 7 < 4 ? 0 : 1] ?? one.backend.contexts;
      const known = await store.get("r", i % 2 === 0 ? revision : 0);
      expect(known).toEqual({ checkpoint, revision });
      checkpoint = {
        ...(known?.checkpoint ?? checkpoint),
        commit: `${i}`,
        outputs: [...checkpoint.outputs, i],
        context: { ...checkpoint.context, [`field${i % 5}`]: [i], last: "x".repeat(i * 10) },
      };
      revision = (await store.update(checkpoint, revision)) ?? 0;
      expect(await onlooker.backend.contexts.get("r", revision)).toEqual({ checkpoint, revision });
      const { views } = await two.backend.contexts.getMany(["r"]);
      expect(views).toEqual([{ checkpoint, revision }]);
    }
    await using late = await open();
    expect(await late.backend.contexts.get("r")).toEqual({ checkpoint, revision });
    await one.backend.contexts.remove("r");
    for (const { backend } of [one, two, onlooker, late])
      expect(await backend.contexts.get("r")).toBeNull();
  });

  it("says so where what a patch builds on is not there any more", async () => {
    await using one = await opened({ servers: server.url, namespace: "incomplete" });
    await using plain = await plainConnection(server.url);
    const { contexts } = one.backend;
    const first = (await contexts.create(checkpointOf("r", { items }))) ?? 0;
    const next = checkpointOf("r", { items, commit: "2" });
    const second = (await contexts.update(next, first)) ?? 0;
    await plain.jsm.streams.deleteMessage("KV_incomplete-context", first);
    await using other = await opened({ servers: server.url, namespace: "incomplete" });
    await expect(other.backend.contexts.get("r")).rejects.toMatchObject({ code: "validation" });
    expect(await other.backend.contexts.page(0, 10)).toMatchObject({ unreadable: ["r"] });
    expect(await other.backend.contexts.getMany(["r"])).toMatchObject({ unreadable: ["r"] });
    // Whoever has it still can write it anew.
    const whole = checkpointOf("r", { commit: "3", status: "paused", items });
    expect(await contexts.update(whole, second)).toBeGreaterThan(second);
    expect((await other.backend.contexts.get("r"))?.checkpoint).toEqual(whole);
  });

  it("patches nothing that it has known since before the connection was lost", async () => {
    await using proxy = await TcpProxy.before(server.port);
    await using one = await opened({ servers: proxy.url, namespace: "forgets" });
    await using plain = await plainConnection(server.url);
    const { contexts } = one.backend;
    const kept = async () => (await plain.jsm.streams.info("KV_forgets-context")).state.messages;
    let revision = (await contexts.create(checkpointOf("r", { items }))) ?? 0;
    const write = async (commit: string) => {
      const next = checkpointOf("r", { items, commit });
      revision = (await contexts.update(next, revision)) ?? 0;
    };
    await write("2");
    expect(await kept()).toBe(2);
    proxy.cut();
    await contexts.newestRevision();
    await write("3");
    expect(await kept()).toBe(1);
    await write("4");
    expect(await kept()).toBe(2);
  });

  it("shows each run once on its pages, as it was written last", async () => {
    await using one = await opened({ servers: server.url, namespace: "pages" });
    const { contexts } = one.backend;
    const revisions = new Map<string, number>();
    for (const runId of ["a", "b", "c"])
      revisions.set(runId, (await contexts.create(checkpointOf(runId, { items }))) ?? 0);
    for (let i = 0; i < 9; i++) {
      const runId = ["b", "a", "c"][i % 3] ?? "";
      const next = checkpointOf(runId, { items, commit: `${i}` });
      revisions.set(runId, (await contexts.update(next, revisions.get(runId) ?? 0)) ?? 0);
    }
    const seen: [string, string, number][] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: CheckpointPage = await contexts.page(after, 2);
      for (const { checkpoint, revision } of page.views)
        seen.push([checkpoint.runId, checkpoint.commit, revision]);
      after = page.next;
    }
    const last = (runId: string, commit: string) => [runId, commit, revisions.get(runId)];
    expect(seen).toEqual([last("b", "6"), last("a", "7"), last("c", "8")]);
  });

  it("takes older messages away at once where somebody has given the bucket a limit a key", async () => {
    await using plain = await plainConnection(server.url);
    await using first = await opened({ servers: server.url, namespace: "limited" });
    const { config } = await plain.jsm.streams.info("KV_limited-context");
    await plain.jsm.streams.update(config.name, { ...config, max_msgs_per_subject: 2 });
    await using one = await opened({ servers: server.url, namespace: "limited", create: false });
    let revision = (await one.backend.contexts.create(checkpointOf("r", { items }))) ?? 0;
    for (let i = 0; i < 20; i++) {
      const next = checkpointOf("r", { items, commit: `${i}` });
      revision = (await one.backend.contexts.update(next, revision)) ?? 0;
      expect((await plain.jsm.streams.info(config.name)).state.messages).toBe(1);
    }
    expect(first.backend.namespace).toBe("limited");
  });
});

/** Waits until the run has another revision than this one. */
function changed(store: JetStreamBackend["contexts"], revision: number): Promise<number> {
  return eventually(async () => {
    const read = await store.get("r");
    expect(read?.revision).toBeGreaterThan(revision);
    return read?.revision ?? 0;
  });
}

/** Adds one, until that was acknowledged so often. It takes its time, so that the server can be killed meanwhile. */
async function increment({ contexts }: JetStreamBackend, name: string, times: number) {
  let count = 0;
  for (let i = 0; count < times; i++) {
    const read = await contexts.get("r");
    if (read === null) throw new Error("the run is gone");
    const { checkpoint, revision } = read;
    const items = checkpoint.counters.items + 1;
    const counters = { ...checkpoint.counters, items };
    const next = { ...checkpoint, counters, commit: `${name}.${i}` };
    if ((await contexts.update(next, revision)) !== null) count++;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
