import { expect, test } from "vitest";
import { type Checkpoint, newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { inParallel } from "../../src/core/in-parallel.ts";
import { toRunInfo } from "../../src/core/records/run-info.ts";
import type { JetStreamBackend } from "../../src/jetstream/backend.ts";
import { LiveSystem } from "../support/live-system.ts";

// What a look at the runs costs, in requests to the server and in messages read.

const HOUR_MS = 3_600_000;
const RUNS = 2_000;

/** A new run that is quiet, as if it had waited for a call for an hour already. */
function waiting(runId: string): Checkpoint {
  const now = Date.now();
  const run = {
    runId,
    workflow: "wait",
    version: 1,
    fingerprint: "f",
    inputHash: "h",
    startSeq: 1,
    context: {},
    createdAt: now,
  };
  const hold = { for: "go", until: null, since: new Date(now - HOUR_MS).toISOString() };
  return {
    ...newCheckpoint(run, now - HOUR_MS),
    started: true,
    items: { 1: { node: "wait", input: null, attempt: 1, turn: 1, hold } },
    nextItem: 2,
  };
}

async function store({ contexts, runs }: JetStreamBackend, ids: readonly string[]) {
  await inParallel(ids, 128, async (runId) => {
    const checkpoint = waiting(runId);
    const revision = (await contexts.create(checkpoint)) ?? 0;
    await runs.create(toRunInfo(checkpoint, revision));
  });
}

const idsFrom = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}-${i}`);

/** Counts what goes to JetStream and the stored messages that it gives, while the work is done. */
async function counted<T>({ plain }: LiveSystem, work: () => Promise<T>) {
  let requests = 0;
  let messages = 0;
  const counts = [
    plain.subscribe("$JS.API.>", { callback: () => void requests++ }),
    plain.subscribe("_INBOX.>", {
      callback: (_error, msg) => {
        if (msg.headers?.has("Nats-Sequence")) messages += 1;
      },
    }),
  ];
  await plain.flush();
  const result = await work();
  await plain.flush();
  for (const count of counts) count.unsubscribe();
  return { result, requests, messages };
}

test("a look at runs that wait asks once for many, and reads each a few times", async () => {
  await using system = await LiveSystem.start([]);
  await store(system.backend, idsFrom("run", RUNS));
  const { orchestrator } = system;
  const look = await counted(system, () => orchestrator.repair({ quietMs: 2 * HOUR_MS }));
  expect(look.result).toMatchObject({ looked: RUNS, items: 0, projections: 0 });
  expect(look.messages).toBeLessThan(3 * RUNS);
  expect(look.requests).toBeLessThan(100);
  // What the queue has for them is looked at too, for some in each look.
  const quiet = await counted(system, () => orchestrator.repair({ quietMs: 60_000 }));
  expect(quiet.result).toMatchObject({ looked: RUNS, items: 0 });
  expect(quiet.requests).toBeLessThan(1_100);
}, 30_000);

test("a look reads at most three times the runs that it looks at while others are written", async () => {
  await using system = await LiveSystem.start([]);
  await store(system.backend, idsFrom("run", RUNS));
  let isOver = false;
  const writing = (async () => {
    for (let n = 0; !isOver; n++) await store(system.backend, idsFrom(`late-${n}`, 100));
  })();
  const { orchestrator } = system;
  const { result, messages } = await counted(system, () =>
    orchestrator.repair({ quietMs: 2 * HOUR_MS }),
  );
  isOver = true;
  await writing;
  expect(result.looked).toBeGreaterThanOrEqual(RUNS);
  expect(messages).toBeLessThan(3 * result.looked);
}, 30_000);
