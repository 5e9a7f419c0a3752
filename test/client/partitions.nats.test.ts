import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  DistributedOrchestrator,
  PartitionedOrchestrator,
  PartitionedService,
  PartitionedWorker,
  partitionOf,
} from "../../src/index.ts";
import type { NatsServer } from "../../src/jetstream/server/start.ts";
import { eventually } from "../support/eventually.ts";
import { approval, chain, fallback } from "../support/flows.ts";
import { gatedFlow } from "../support/gated-flow.ts";
import { startTestServer } from "../support/nats-server.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startTestServer();
  return () => server.stop();
});

const steps = chain(3);
const workflows = [steps, approval, fallback];
let systems = 0;

/** Options of a system of its own. */
function system(partitions: number) {
  const namespace = `parts-${++systems}`;
  return { servers: server.url, namespace, partitions, workflows };
}

/** A run id of that partition. */
function idIn(partition: number, partitions: number, name = "r"): string {
  for (let n = 1; ; n++) {
    if (partitionOf(`${name}-${n}`, partitions) === partition) return `${name}-${n}`;
  }
}

/** A connection that knows nothing of floxide. */
async function bare() {
  const nats = await connect({ servers: server.url });
  onTestFinished(() => nats.close());
  return nats;
}

/** All pages of a listing: their ids, and how many each page has. */
async function pagesOf(
  list: (cursor: string | null) => ReturnType<PartitionedOrchestrator["listRuns"]>,
) {
  const pages: string[][] = [];
  for (let cursor: string | null = null; ; ) {
    const { items, cursor: next }: Awaited<ReturnType<typeof list>> = await list(cursor);
    pages.push(items.map(({ runId }) => runId));
    cursor = next;
    if (cursor === null) return pages;
  }
}

test("a run is in the partition that its id says, and in no other", async () => {
  const options = system(3);
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  const named = await orchestrator.startRun(steps, 1, { runId: "order-4711" });
  const unnamed = await Promise.all(
    Array.from({ length: 9 }, () => orchestrator.startRun(steps, 1)),
  );
  const seen = new Set<number>();
  for (const runId of [named, ...unnamed]) {
    const partition = partitionOf(runId, 3);
    seen.add(partition);
    const places = await Promise.allSettled(
      [0, 1, 2].map(async (p) => {
        await using one = await DistributedOrchestrator.connect({
          servers: server.url,
          namespace: `${options.namespace}-${p}`,
        });
        return await one.status(runId);
      }),
    );
    const found = places.map(({ status }) => status === "fulfilled");
    expect(found).toEqual([0, 1, 2].map((p) => p === partition));
  }
  expect(partitionOf("order-4711", 3)).toBe(0x173d0ddb % 3);
  expect(seen.size).toBeGreaterThan(1);
});

test("what is about one run finds it in each partition", async () => {
  const options = system(2);
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  await using worker = await PartitionedWorker.connect(options);
  await worker.start();
  for (const partition of [0, 1]) {
    const runId = idIn(partition, 2, "asks");
    await orchestrator.startRun(approval, { timeoutMs: null }, { runId });
    await eventually(async () => {
      expect(await orchestrator.listWorkItems(runId)).toMatchObject([{ state: "held" }]);
    });
    await orchestrator.pause(runId);
    expect(await orchestrator.status(runId)).toBe("paused");
    await orchestrator.resume(runId);
    expect(await orchestrator.run(runId)).toMatchObject({ runId, status: "running" });
    expect(await orchestrator.pendingWork(runId)).toMatchObject({ runId, accepted: false });
    await orchestrator.signal(runId, "approval", { by: "Ann", ok: true });
    const ended = await orchestrator.waitForCompletion(runId, { timeoutMs: 10_000 });
    expect(ended).toMatchObject({ runId, status: "completed" });
    expect(await orchestrator.result(runId)).toBe("approved by Ann");
    expect(await orchestrator.outputs(runId)).toEqual(["approved by Ann"]);
    expect(await orchestrator.context(runId)).toMatchObject({ notes: [{ event: "asked" }] });
    expect(await orchestrator.metrics(runId)).toMatchObject({ runId, status: "completed" });
    await eventually(async () => {
      const kinds = (await orchestrator.history(runId, { limit: 100 })).map(({ kind }) => kind);
      expect(kinds.at(-1)).toBe("run.completed");
    });
  }
});

test("failures, cancels and ids that are taken are those of the run's partition", async () => {
  const options = system(2);
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  await using worker = await PartitionedWorker.connect(options);
  await worker.start();
  for (const partition of [0, 1]) {
    const failing = idIn(partition, 2, "fails");
    await orchestrator.startRun(fallback, "badly", { runId: failing });
    await orchestrator.waitForCompletion(failing, { timeoutMs: 10_000 });
    expect(await orchestrator.errors(failing)).toMatchObject([{ failure: { message: "no good" } }]);
    await expect(
      orchestrator.startRun(fallback, "another", { runId: failing }),
    ).rejects.toMatchObject({ code: "conflict" });

    const cancelled = idIn(partition, 2, "goes");
    await orchestrator.startRun(approval, { timeoutMs: null }, { runId: cancelled });
    await orchestrator.cancel(cancelled);
    expect(await orchestrator.status(cancelled)).toBe("cancelled");
  }
  await expect(orchestrator.status("nobody")).rejects.toMatchObject({ code: "not_found" });
  await expect(orchestrator.result("")).rejects.toMatchObject({ code: "validation" });
  await expect(orchestrator.repair({ runId: "nobody" })).rejects.toMatchObject({
    code: "not_found",
  });
});

describe("a listing", () => {
  test("shows the runs of all partitions once, newest first", async () => {
    const options = system(3);
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    const started: string[] = [];
    for (let n = 0; n < 25; n++) {
      started.push(await orchestrator.startRun(steps, n, { runId: `run-${n}` }));
      const after = Date.now();
      // Each in a millisecond of its own, so that their order is known.
      await eventually(() => expect(Date.now()).toBeGreaterThan(after), { everyMs: 1 });
    }
    const pages = await pagesOf((cursor) => orchestrator.listRuns({ limit: 7, cursor }));
    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4]);
    expect(pages.flat()).toEqual(started.toReversed());

    const none = await orchestrator.listRuns({ status: "failed" });
    expect(none).toEqual({ items: [], cursor: null });
    const whole = await orchestrator.listRuns({ workflow: "chain", status: "running" });
    expect(whole.items.map(({ runId }) => runId)).toEqual(started.toReversed());
    expect(whole.cursor).toBeNull();
  });

  test("shows those of one partition too where the others have none", async () => {
    const options = system(4);
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    const ids = ["a", "b", "c", "d", "e"].map((name) => idIn(2, 4, name));
    for (const runId of ids) await orchestrator.startRun(steps, 1, { runId });
    const pages = await pagesOf((cursor) => orchestrator.listRuns({ limit: 2, cursor }));
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
    expect(pages.flat().sort()).toEqual(ids.sort());
  });

  test("is refused for a query or a cursor that does not fit", async () => {
    await using orchestrator = await PartitionedOrchestrator.connect(system(2));
    for (const query of [{ limit: 0 }, { limit: 1_001 }, { cursor: "x" }, { workflow: "*" }]) {
      await expect(orchestrator.listRuns(query), JSON.stringify(query)).rejects.toMatchObject({
        code: "validation",
      });
    }
  });
});

describe("a start request by publish", () => {
  test("to the partition of its run id is a run like any other", async () => {
    const options = system(4);
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    await using worker = await PartitionedWorker.connect(options);
    await worker.start();
    const nats = await bare();
    const runId = "order-4711"; // Partition 3 of 4: see the test of partitionOf.
    const answer = await nats.request(
      `${options.namespace}-3.start.chain`,
      JSON.stringify({ input: 1, runId }),
    );
    expect(answer.json()).toMatchObject({ stream: `${options.namespace}-3-work` });
    await orchestrator.waitForCompletion(runId, { timeoutMs: 10_000 });
    expect(await orchestrator.result(runId)).toBe(4);
  });

  test("to another one is a run of that namespace, which is listed but not found by its id", async () => {
    const options = system(2);
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    await using worker = await PartitionedWorker.connect(options);
    await worker.start();
    const nats = await bare();
    const runId = idIn(0, 2);
    const body = JSON.stringify({ input: 1, runId });
    await nats.request(`${options.namespace}-1.start.chain`, body);
    await eventually(async () => {
      const { items } = await orchestrator.listRuns({ status: "completed" });
      expect(items.map((info) => info.runId)).toEqual([runId]);
    });
    await expect(orchestrator.status(runId)).rejects.toMatchObject({ code: "not_found" });
    expect(await orchestrator.partitions[1]?.result(runId)).toBe(4);
  });
});

describe("workers", () => {
  test("that serve some partitions leave the others alone", async () => {
    const options = system(3);
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    const ids = [0, 1, 2].map((partition) => idIn(partition, 3));
    for (const runId of ids) await orchestrator.startRun(steps, 1, { runId });
    await using some = await PartitionedWorker.connect({ ...options, serve: [2, 0] });
    await some.start();
    await orchestrator.waitForCompletion(ids[0] ?? "", { timeoutMs: 10_000 });
    await orchestrator.waitForCompletion(ids[2] ?? "", { timeoutMs: 10_000 });
    expect(await orchestrator.pendingWork(ids[1] ?? "")).toMatchObject({ accepted: true });
    const workers = await orchestrator.listWorkerHealth();
    expect(workers.map(({ partition }) => partition)).toEqual([0, 2]);

    await using other = await PartitionedWorker.connect({ ...options, serve: [1] });
    await other.start();
    await orchestrator.waitForCompletion(ids[1] ?? "", { timeoutMs: 10_000 });
    expect(await orchestrator.result(ids[1] ?? "")).toBe(4);
  });

  test("share the slots of their process, and have one each at least", async () => {
    const options = { ...system(3), workerId: "w" };
    const slots = async (concurrency: number, serve: readonly number[]) => {
      await using worker = await PartitionedWorker.connect({ ...options, concurrency, serve });
      return worker.health().map((one) => [one.workerId, one.concurrency]);
    };
    expect(await slots(8, [0, 1, 2])).toEqual([
      ["w-0", 3],
      ["w-1", 3],
      ["w-2", 2],
    ]);
    expect(await slots(1, [2, 1])).toEqual([
      ["w-2", 1],
      ["w-1", 1],
    ]);
  });

  test("finish what they have in hand in every partition when they are stopped", async () => {
    const { flow, seen, go } = gatedFlow("gated");
    const options = { ...system(2), workflows: [flow] };
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    const worker = await PartitionedWorker.connect({ ...options, concurrency: 2 });
    await worker.start();
    const held = [0, 1].map((partition) => idIn(partition, 2, "held"));
    for (const runId of held) await orchestrator.startRun(flow, 7, { runId });
    await eventually(() => expect(seen.running).toBe(2));
    const stopping = worker.stop();
    const late = idIn(1, 2, "late");
    await eventually(() => {
      expect(worker.health().map(({ status }) => status)).toEqual(["draining", "draining"]);
    });
    await orchestrator.startRun(flow, 7, { runId: late });
    go.open();
    await stopping;
    for (const runId of held) expect(await orchestrator.result(runId)).toBe(7);
    expect(await orchestrator.pendingWork(late)).toMatchObject({ accepted: true });
    expect(await orchestrator.listWorkers()).toEqual([]);
    await worker.stop();
  });
});

test("what is about the system is put together from all partitions", async () => {
  const options = system(2);
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  expect(orchestrator.workflowNames()).toEqual(["approval", "chain", "fallback"]);
  for (const [n, partition] of [0, 0, 1].entries()) {
    const runId = idIn(partition, 2, `waits-${n}`);
    await orchestrator.startRun(steps, 1, { runId });
  }
  const chains = { workflow: "chain", starts: 3, items: 0, inFlight: 0 };
  await eventually(async () => expect(await orchestrator.backlog()).toContainEqual(chains));

  await using worker = await PartitionedWorker.connect({ ...options, workerId: "w" });
  await worker.start();
  expect(await orchestrator.listWorkers()).toEqual(["w-0", "w-1"]);
  expect(await orchestrator.liveness()).toEqual({ "w-0": "alive", "w-1": "alive" });
  expect(await orchestrator.checkWorkerLiveness()).toEqual({
    alive: ["w-0", "w-1"],
    stale: [],
    dead: [],
  });
  await eventually(async () => {
    const { items } = await orchestrator.listRuns({ status: "completed" });
    expect(items).toHaveLength(3);
  });

  const nats = await bare();
  for (const [n, partition] of [0, 1, 1, 0].entries()) {
    const body = `no request ${n}`;
    await nats.request(`${options.namespace}-${partition}.start.chain`, body);
    await eventually(async () => {
      const { items } = await orchestrator.deadLetters({ limit: 1 });
      expect(items[0]).toMatchObject({ partition, body });
    });
  }
  const newest = await orchestrator.deadLetters({ limit: 3 });
  expect(newest.items.map(({ body }) => body)).toEqual([
    "no request 3",
    "no request 2",
    "no request 1",
  ]);
  const oldest = await orchestrator.deadLetters({ limit: 3, cursor: newest.cursor });
  expect(oldest.items.map(({ body }) => body)).toEqual(["no request 0"]);
  expect(oldest.cursor).toBeNull();

  const seen: number[] = [];
  const report = await orchestrator.repair({
    all: true,
    onProgress: ({ looked }) => seen.push(looked),
  });
  expect(report).toMatchObject({ looked: 3, items: 0, lost: 0 });
  expect(seen.at(-1)).toBe(3);
});

test("a partition that cannot be looked at does not keep repair from the others", async () => {
  const options = system(2);
  const { namespace } = options;
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  const runId = idIn(1, 2);
  await orchestrator.startRun(approval, { timeoutMs: null }, { runId });
  await using worker = await PartitionedWorker.connect(options);
  await worker.start();
  await eventually(async () => {
    expect(await orchestrator.listWorkItems(runId)).toMatchObject([{ state: "held" }]);
  });
  // It gives partition 0 up at once, while partition 1 is still being looked at.
  await using hasty = await PartitionedOrchestrator.connect({ ...options, patienceMs: 1 });
  const jsm = await jetstreamManager(await bare());
  await jsm.streams.purge(`KV_${namespace}-1-runs`);
  await jsm.streams.delete(`KV_${namespace}-0-context`);

  const found: object[] = [];
  const look = hasty.repair({ all: true, onFound: (finding) => found.push(finding) });
  await expect(look).rejects.toMatchObject({ code: "backend" });
  expect(found).toMatchObject([{ runId, what: "refiled" }]);
  expect((await orchestrator.partitions[1]?.listRuns())?.items).toMatchObject([{ runId }]);
});

describe("the connection", () => {
  test("is one for all partitions of a process", async () => {
    // One more would be refused.
    await using own = await startTestServer({ settings: { max_connections: 2 } });
    const options = { ...system(4), servers: own.url };
    await using orchestrator = await PartitionedOrchestrator.connect(options);
    await using worker = await PartitionedWorker.connect(options);
    await worker.start();
    const ids = [0, 1, 2, 3].map((partition) => idIn(partition, 4));
    for (const runId of ids) await orchestrator.startRun(steps, 1, { runId });
    for (const runId of ids) await orchestrator.waitForCompletion(runId, { timeoutMs: 10_000 });
    expect(await orchestrator.result(ids[3] ?? "")).toBe(4);
  });

  test("is left open where it is the host's", async () => {
    const { servers: _servers, ...options } = system(2);
    const connection = await bare();
    const orchestrator = await PartitionedOrchestrator.connect({ ...options, connection });
    const worker = await PartitionedWorker.connect({ ...options, connection });
    await worker.start();
    await worker.stop();
    await orchestrator.close();
    expect(connection.isClosed()).toBe(false);
    await connection.flush();
  });
});

describe("options that do not fit are refused", () => {
  test.each([
    ["no partition", { partitions: 0 }, "definition"],
    ["a half", { partitions: 1.5 }, "definition"],
    ["a namespace that is too long with its number", { namespace: "n".repeat(31) }, "validation"],
    ["a misspelt option", { server: "x" }, "validation"],
    ["an alive time that is none", { aliveMs: 0 }, "definition"],
  ])("%s", async (_what, wrong, code) => {
    const options = { ...system(2), ...wrong };
    await expect(PartitionedOrchestrator.connect(options)).rejects.toMatchObject({ code });
  });

  test.each([
    ["to serve nothing", { serve: [] }],
    ["a partition that there is not", { serve: [0, 2] }],
    ["one twice", { serve: [1, 1] }],
    ["no slots", { concurrency: 0 }],
    ["a worker id that is too long", { workerId: "w".repeat(127) }],
  ])("%s", async (_what, wrong) => {
    await expect(PartitionedWorker.connect({ ...system(2), ...wrong })).rejects.toMatchObject({
      code: "definition",
    });
  });
});

test("a service answers for each partition that it serves, on one connection that stays its host's", async () => {
  const options = system(3);
  const nats = await bare();
  const { servers: _, ...onIt } = { ...options, connection: nats };
  await using orchestrator = await PartitionedOrchestrator.connect(options);
  const ids = [0, 1, 2].map((partition) => idIn(partition, 3));
  for (const runId of ids) await orchestrator.startRun(steps, 1, { runId });
  const ask = async (partition: number) => {
    const subject = `${options.namespace}-${partition}.api.status`;
    const reply = await nats.request(subject, JSON.stringify({ runId: ids[partition] }));
    return reply.json();
  };
  const some = await PartitionedService.connect({ ...onIt, serve: [0, 2], repairEveryMs: 0 });
  await some.start();
  expect(some.services).toHaveLength(2);
  for (const partition of [0, 2])
    expect(await ask(partition)).toMatchObject({ runId: ids[partition] });
  await expect(ask(1)).rejects.toThrow(/no responders/i);
  await Promise.all([some.stop(), some.stop()]);
  expect(nats.isClosed()).toBe(false);
  await expect(ask(0)).rejects.toThrow(/no responders/i);
  const own = await PartitionedService.connect(options);
  await own.start();
  expect(await ask(1)).toMatchObject({ runId: ids[1] });
  await own.stop();
  const none = PartitionedService.connect({ ...options, serve: [3] });
  await expect(none).rejects.toMatchObject({ code: "definition" });
});

test("a wrong number of partitions is refused before anything is made of them", async () => {
  const two = system(2);
  await using _orchestrator = await PartitionedOrchestrator.connect(two);
  const nats = await bare();
  const count = async () => (await (await jetstreamManager(nats)).getAccountInfo()).streams;
  const before = await count();
  const refused = {
    code: "definition",
    message: expect.stringContaining("2 partitions, not of 4"),
  };
  const four = { ...two, partitions: 4 };
  await expect(PartitionedOrchestrator.connect(four)).rejects.toMatchObject(refused);
  await expect(PartitionedWorker.connect({ ...four, serve: [2, 3] })).rejects.toMatchObject(
    refused,
  );
  await expect(PartitionedService.connect({ ...four, serve: [3] })).rejects.toMatchObject(refused);
  expect(await count()).toBe(before);
});
