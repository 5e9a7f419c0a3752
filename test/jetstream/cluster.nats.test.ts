import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Delivery } from "../../src/core/ports/work-queue.ts";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import { checkpointOf, infoOf, itemOf, requestOf } from "../conformance/fixtures.ts";
import { nameOf } from "../conformance/inbox.ts";
import { eventually } from "../support/eventually.ts";
import { type NatsCluster, startTestCluster } from "../support/nats-cluster.ts";
import { type Opened, opened } from "./support.ts";

const WORK = { kind: "work", workflow: "orders" } as const;

describe("three replicas", () => {
  let cluster: NatsCluster;
  let one: Opened;
  let two: Opened;

  const open = () =>
    opened({
      servers: cluster.urls,
      replicas: 3,
      ackWaitMs: 2_000,
      connectTimeoutMs: 20_000,
      requestTimeoutMs: 2_000,
    });

  beforeAll(async () => {
    cluster = await startTestCluster();
    one = await open();
    two = await open();
    await one.backend.queue.prepare("orders");
  }, 60_000);
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  }, 30_000);

  it("never answer with less than what is known to exist", async () => {
    const [mine, theirs] = [one.backend.contexts, two.backend.contexts];
    let revision = (await mine.create(checkpointOf("fresh"))) ?? 0;
    for (let i = 0; i < 300; i++) {
      revision = (await mine.update(checkpointOf("fresh", { commit: `${i}` }), revision)) ?? 0;
      const [known, unknown] = await Promise.all([
        theirs.get("fresh", revision),
        theirs.get("fresh"),
      ]);
      expect(known?.revision).toBe(revision);
      expect(unknown?.revision).toBe(revision);
    }
  });

  it("take one of many creations and requests for the same run at once", async () => {
    const backends = [one.backend, two.backend];
    for (let i = 0; i < 5; i++) {
      const request = requestOf(`same-${i}`);
      const many = Array.from({ length: 12 }, (_, n) => backends[n % 2] ?? one.backend);
      const [starts, infos, checkpoints] = await Promise.all([
        Promise.all(many.map(({ queue }) => queue.start(request, { infoWritten: true }))),
        Promise.all(
          many.map(({ runs }, n) =>
            runs.create(infoOf(request.runId, { workflow: n % 3 === 0 ? "orders" : "refunds" })),
          ),
        ),
        Promise.all(
          many.map(({ contexts }, n) =>
            contexts.create(checkpointOf(request.runId, { commit: `${n}` })),
          ),
        ),
      ]);
      expect(new Set(starts.map(({ seq }) => seq)).size).toBe(1);
      expect(starts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(infos.filter((created) => created)).toHaveLength(1);
      expect(checkpoints.filter((revision) => revision !== null)).toHaveLength(1);
    }
  });

  it("keep no message from others that a worker was sent when it had stopped asking", async () => {
    const workers = await Promise.all(
      cluster.urls.map((url) =>
        opened({ servers: url, replicas: 3, namespace: "late", ackWaitMs: 60_000 }),
      ),
    );
    const [first] = workers;
    if (first === undefined) throw new Error("a cluster has servers");
    await first.backend.queue.prepare("orders");
    const items = Array.from({ length: 600 }, (_, i) => itemOf(`late-${i % 3}`, i + 1));
    await first.backend.queue.enqueue(items);
    const seen = new Set<string>();
    const isOver = () => seen.size === items.length;
    const impatient = workers.map(async ({ backend: { queue } }) => {
      while (!isOver()) {
        const abort = new AbortController();
        const take = (delivery: Delivery) => {
          seen.add(nameOf(delivery));
          delivery.ack();
          // As a worker whose slots have been filled by something else.
          abort.abort();
        };
        const cancel = setTimeout(() => abort.abort(), 500);
        await queue.pull(WORK, 50, take, abort.signal);
        clearTimeout(cancel);
      }
    });
    await eventually(() => expect(seen.size).toBe(items.length), { withinMs: 30_000 });
    await Promise.all(impatient);
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }, 60_000);

  it("lose no increment and no item while one server after the other is killed", async () => {
    const backends = [one.backend, two.backend];
    await one.backend.contexts.create(checkpointOf("count"));
    const abort = new AbortController();
    let isOver = false;
    const seen = new Set<string>();
    const pulls = backends.map((backend) => pullAll(backend, seen, abort.signal));
    const counted = { total: 0 };
    const counts = backends.map((backend, i) => count(backend, `w${i}`, counted, () => isOver));
    const queued = backends.map((backend, i) => enqueueMany(backend, `run-${i}`, () => isOver));
    try {
      for (const server of cluster.servers.slice(0, 2)) {
        await server.kill();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await server.restart();
        // It has to catch up before the next one may go: two of three must agree.
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      }
      // Two elections may have taken most of that time: what counts is that it goes on.
      await eventually(() => expect(counted.total).toBeGreaterThan(100), { withinMs: 60_000 });
      isOver = true;
      const [increments, items] = await Promise.all([Promise.all(counts), Promise.all(queued)]);
      const stored = await one.backend.contexts.get("count");
      expect(stored?.checkpoint.counters.items).toBe(sum(increments));
      await eventually(() => expect(seen.size).toBe(sum(items)), { withinMs: 30_000 });
    } finally {
      isOver = true;
      abort.abort();
      await Promise.all(pulls);
    }
  }, 120_000);
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

async function count(
  { contexts }: JetStreamBackend,
  name: string,
  counted: { total: number },
  isOver: () => boolean,
) {
  let done = 0;
  for (let i = 0; !isOver(); ) {
    const read = await contexts.get("count");
    if (read === null) throw new Error("the run is gone");
    const { checkpoint, revision } = read;
    const counters = { ...checkpoint.counters, items: checkpoint.counters.items + 1 };
    const next = { ...checkpoint, counters, commit: `${name}.${i++}` };
    if ((await contexts.update(next, revision)) === null) continue;
    done++;
    counted.total++;
  }
  return done;
}

async function enqueueMany({ queue }: JetStreamBackend, runId: string, isOver: () => boolean) {
  let item = 0;
  while (!isOver()) await queue.enqueue([itemOf(runId, ++item)]);
  return item;
}

async function pullAll({ queue }: JetStreamBackend, seen: Set<string>, signal: AbortSignal) {
  while (!signal.aborted) {
    const pulling = queue.pull(
      WORK,
      8,
      (delivery) => {
        seen.add(nameOf(delivery));
        delivery.ack();
      },
      signal,
    );
    await pulling.catch((error: unknown) => expect(error).toMatchObject({ code: "backend" }));
    // On a closed connection a pull ends at once: without a pause nothing else would ever run.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
