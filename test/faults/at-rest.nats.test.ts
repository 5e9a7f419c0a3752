import { beforeEach, expect, test } from "vitest";
import { isFloxideError, type RunStatus } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { faultFlows, faultHold, instrument, mixture } from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";

let executions = 0;

beforeEach(() => {
  executions = 0;
  instrument(() => executions++, 0);
});

/** Takes runs to all ends there are. */
async function endMany({ orchestrator }: LiveSystem, count: number) {
  const ended = new Map<string, RunStatus>();
  const ids = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      if (i % 3 === 0) return orchestrator.startRun(faultHold, 60_000);
      // As many failures as there are attempts: the run fails.
      if (i % 3 === 1) return orchestrator.startRun("fault-retry", 5);
      return orchestrator.startRun(mixture(4 * i).workflow, mixture(4 * i).input);
    }),
  );
  for (const [i, id] of ids.entries()) if (i % 3 === 0) await orchestrator.cancel(id);
  // All at once: those that end first may be forgotten first.
  await Promise.all(
    ids.map(async (id) => {
      const { status } = await orchestrator.waitForCompletion(id, { timeoutMs: 10_000 });
      ended.set(id, status);
    }),
  );
  expect([...new Set(ended.values())].sort()).toEqual(["cancelled", "completed", "failed"]);
  return ended;
}

async function crash({ server, orchestrator }: LiveSystem): Promise<void> {
  await server.kill();
  await server.restart();
  // From end to end: whoever was to wake up has done so by now.
  const marker = await orchestrator.startRun("fault-chain", 0);
  await orchestrator.waitForCompletion(marker, { timeoutMs: 10_000 });
}

const STATUSES = ["running", "paused", "completed", "failed", "cancelled"] as const;

async function listed({ orchestrator }: LiveSystem): Promise<Map<string, RunStatus>> {
  const found = new Map<string, RunStatus>();
  for (const status of STATUSES) {
    const { items } = await orchestrator.listRuns({ status, limit: 1_000 });
    for (const { runId } of items) {
      expect(found.has(runId)).toBe(false);
      found.set(runId, status);
    }
  }
  return found;
}

test("runs that have ended stay as they are when the server is killed", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator } = system;
  await system.worker();
  const ended = await endMany(system, 60);
  await eventually(async () => expect(await system.queued()).toBe(0));
  await eventually(async () => expect(await listed(system)).toEqual(ended));
  const before = executions;
  for (let crashes = 1; crashes <= 2; crashes++) {
    await crash(system);
    const now = await listed(system);
    for (const [id, status] of ended) expect([id, now.get(id)]).toEqual([id, status]);
    expect(now.size).toBe(ended.size + crashes);
    for (const [id, status] of ended) expect(await orchestrator.status(id)).toBe(status);
    // The marker's eight.
    expect(executions).toBe(before + 8 * crashes);
  }
  expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ items: 0, starts: 0 });
}, 45_000);

test("runs whose time is over do not come back when the server is killed", async () => {
  await using system = await LiveSystem.start(faultFlows, { retentionMs: 4_000 });
  const { orchestrator, backend } = system;
  await system.worker();
  const ended = await endMany(system, 60);
  const before = executions;
  const expectGone = async () => {
    for (const id of ended.keys()) expect(await backend.contexts.get(id)).toBeNull();
    const now = await listed(system);
    for (const id of ended.keys()) expect(now.has(id)).toBe(false);
  };
  await eventually(expectGone, { withinMs: 15_000, everyMs: 100 });
  for (let crashes = 1; crashes <= 2; crashes++) {
    await crash(system);
    await expectGone();
    expect(executions).toBe(before + 8 * crashes);
  }
  for (const id of ended.keys()) {
    const error = await orchestrator.status(id).catch((thrown: unknown) => thrown);
    expect(isFloxideError(error, "not_found")).toBe(true);
  }
}, 45_000);

test("a system at rest writes heartbeats and nothing else", async () => {
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator, plain, backend } = system;
  const heartbeatMs = 200;
  await system.worker({ heartbeatMs });
  await system.worker({ heartbeatMs });
  await endMany(system, 9);
  // Some wait for a time, others for a signal, one is paused.
  for (const wait of [60_000, 10]) await orchestrator.startRun(faultHold, wait);
  await orchestrator.pause(await orchestrator.startRun(faultHold, 60_000));
  const written = async (): Promise<Map<string, number>> => {
    const answer = await plain.request("$JS.API.STREAM.NAMES");
    const { streams } = answer.json<{ streams: string[] }>();
    const last = new Map<string, number>();
    for (const name of streams) last.set(name, (await system.stream(name)).last_seq);
    return last;
  };
  const beats = backend.names.bucketStream("liveness");
  const others = async () => {
    const all = await written();
    all.delete(beats);
    return all;
  };
  // At rest is what has not changed from one beat of both to the next.
  const settled = async (): Promise<Map<string, number>> => {
    const then = await others();
    const { last_seq: beat } = await system.stream(beats);
    await eventually(async () =>
      expect((await system.stream(beats)).last_seq).toBeGreaterThan(beat + 4),
    );
    expect(await others()).toEqual(then);
    return then;
  };
  const then = await eventually(settled);
  const { last_seq: first } = await system.stream(beats);
  const began = performance.now();
  await eventually(async () => {
    expect(await orchestrator.repair({ quietMs: 0 })).toMatchObject({ items: 0, projections: 0 });
    expect((await system.stream(beats)).last_seq).toBeGreaterThan(first + 12);
  });
  const elapsedMs = performance.now() - began;
  expect(await others()).toEqual(then);
  expect(then.size).toBeGreaterThan(5);
  const beaten = (await system.stream(beats)).last_seq - first;
  expect(beaten).toBeLessThanOrEqual(2 * (elapsedMs / heartbeatMs + 2));
}, 30_000);
