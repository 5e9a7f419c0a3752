import { expect, test } from "vitest";
import { type Checkpoint, newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import type { Backend } from "../../src/core/ports/backend.ts";
import { toRunInfo } from "../../src/core/records/run-info.ts";
import type { Alterations } from "./altered.ts";
import { System } from "./system.ts";

// What a usual look makes of runs that wait for a time, or for a call: it looks into the queue only for some of them.

const HOUR_MS = 3_600_000;
const WORKFLOW = "sleep";

/** A run that waits since an hour, until a time or until somebody calls. Nothing is queued for it. */
function waiting(
  runId: string,
  untilMs: number | null,
  more: Partial<Checkpoint> = {},
): Checkpoint {
  const now = Date.now();
  const at = (ms: number): string => new Date(now + ms).toISOString();
  const run = {
    runId,
    workflow: WORKFLOW,
    version: 1,
    fingerprint: "f",
    inputHash: "h",
    startSeq: 1,
    context: {},
    createdAt: now - HOUR_MS,
  };
  const until = untilMs === null ? null : at(untilMs);
  const hold = { for: until === null ? "go" : null, until, since: at(-HOUR_MS) };
  return {
    ...newCheckpoint(run, now - HOUR_MS),
    started: true,
    items: { 1: { node: "wait", input: null, attempt: 1, turn: 1, hold } },
    nextItem: 2,
    ...more,
  };
}

/** Stores the runs, each listed as it is. */
async function store({ contexts, runs }: Backend, checkpoints: readonly Checkpoint[]) {
  for (const checkpoint of checkpoints) {
    const revision = (await contexts.create(checkpoint)) ?? 0;
    await runs.create(toRunInfo(checkpoint, revision));
  }
}

const usual = { quietMs: 60_000 };

test("runs that rest are asked about together, and the queue is not asked about them", async () => {
  await using system = new System([]);
  const resting = Array.from({ length: 450 }, (_, i) => waiting(`r-${i}`, i % 2 ? HOUR_MS : null));
  await store(system.backend, [...resting, waiting("paused", -HOUR_MS, { status: "paused" })]);
  const asked: string[] = [];
  const orchestrator = system.orchestratorOn([], { ...withoutPages, ...telling(asked) });
  expect(await orchestrator.repair(usual)).toMatchObject({ looked: 451, items: 0, projections: 0 });
  expect(asked).toEqual(["many", "many", "many", "many"]);
});

test("checkpoints that do not fit into one answer are asked for again", async () => {
  await using system = new System([]);
  await store(
    system.backend,
    Array.from({ length: 5 }, (_, i) => waiting(`r-${i}`, i === 4 ? -1_000 : null)),
  );
  const asked: (readonly string[])[] = [];
  const alone: string[] = [];
  const orchestrator = system.orchestratorOn([], {
    contexts: (own) => ({
      ...withoutPages.contexts?.(own),
      get: async (runId, atLeast) => {
        alone.push(runId);
        return own.get(runId, atLeast);
      },
      getMany: async (runIds) => {
        asked.push(runIds);
        return { ...(await own.getMany(runIds.slice(0, 2))), rest: runIds.slice(2) };
      },
    }),
  });
  expect(await orchestrator.repair(usual)).toMatchObject({ looked: 5, items: 1 });
  expect(asked.map((ids) => ids.length)).toEqual([5, 3, 1]);
  expect(new Set(alone)).toEqual(new Set(["r-4"]));
});

test("a run that was steered before it began, and whose start request is gone, is given up", async () => {
  await using system = new System([]);
  await store(system.backend, [waiting("unbegun", null, { started: false, items: {} })]);
  const orchestrator = system.orchestratorOn([], withoutPages);
  expect(await orchestrator.repair(usual)).toMatchObject({ looked: 1, lost: 1 });
});

test("a young run whose checkpoint cannot be read is told of, and not taken for one that waits to begin", async () => {
  await using system = new System([]);
  const { contexts, runs } = system.backend;
  const checkpoint = waiting("broken", null, { createdAt: new Date().toISOString() });
  await contexts.create({ ...checkpoint, status: "asleep" } as unknown as Checkpoint);
  await runs.create(toRunInfo(checkpoint, 1));
  expect(await system.orchestrator.repair(usual)).toMatchObject({ looked: 1, unreadable: 1 });
});

test("a timer that is lost is missed when it is overdue", async () => {
  await using system = new System([]);
  await store(system.backend, [waiting("to come", HOUR_MS), waiting("overdue", -1_000)]);
  const orchestrator = system.orchestratorOn([], withoutPages);
  expect(await orchestrator.repair(usual)).toMatchObject({ runs: 1, items: 1 });
  expect(await system.backend.queue.queued(WORKFLOW, "overdue")).toMatchObject([{ item: 1 }]);
  expect(await system.backend.queue.queued(WORKFLOW, "to come")).toEqual([]);
});

test("a run that is listed as resting, and is not, is looked at alone", async () => {
  await using system = new System([]);
  const { contexts, runs } = system.backend;
  await store(system.backend, [
    waiting("ended", HOUR_MS, { status: "cancelled", finishedAt: new Date().toISOString() }),
    waiting("set back", null),
    waiting("right", null),
  ]);
  const newest = await contexts.newestRevision();
  for (const runId of ["ended", "set back"]) {
    const { checkpoint } = (await contexts.get(runId))!;
    await runs.replace(toRunInfo({ ...checkpoint, status: "running" }, newest), null);
  }
  const orchestrator = system.orchestratorOn([], withoutPages);
  expect(await orchestrator.repair(usual)).toMatchObject({ projections: 1, restored: 1 });
  expect(await runs.get("ended")).toMatchObject({ status: "cancelled" });
});

test("a resting run of which the queue knows a later state is found by the look at all checkpoints", async () => {
  await using system = new System([]);
  await store(system.backend, [waiting("set back", HOUR_MS), waiting("right", HOUR_MS)]);
  const item = {
    v: 1,
    workflow: WORKFLOW,
    item: 1,
    turn: 1,
    version: 1,
    fingerprint: "f",
  } as const;
  const of = (runId: string, revision: number) => ({
    ...item,
    runId,
    revision,
    epoch: 0,
    salt: "",
  });
  const { queue } = system.backend;
  await queue.schedule(of("set back", 1_000), Date.now() + HOUR_MS);
  await queue.schedule(of("right", 1), Date.now() + HOUR_MS);
  expect(await system.orchestrator.repair(usual)).toMatchObject({ restored: 1, items: 1 });
});

test("a resting run that is listed as ended, or not at all, is listed again", async () => {
  await using system = new System([]);
  await store(system.backend, [waiting("ended", null), waiting("unlisted", null)]);
  const { contexts, runs } = system.backend;
  const { checkpoint, revision } = (await contexts.get("ended"))!;
  await runs.refile("ended", async () =>
    toRunInfo({ ...checkpoint, status: "cancelled" }, revision),
  );
  await runs.remove("unlisted");
  expect(await system.orchestrator.repair(usual)).toMatchObject({ projections: 2, items: 0 });
  for (const runId of ["ended", "unlisted"]) {
    expect(await runs.get(runId)).toMatchObject({ status: "running" });
  }
  expect(await system.orchestrator.repair(usual)).toMatchObject({ projections: 0 });
});

/** Nothing but what is listed is looked at. */
const withoutPages: Alterations = {
  contexts: () => ({ page: async () => ({ views: [], unreadable: [], next: null }) }),
};

/** As {@link withoutPages}, and tells of what is read of single runs, and of many. */
function telling(asked: string[]): Alterations {
  return {
    contexts: (own) => ({
      ...withoutPages.contexts?.(own),
      get: async (runId, atLeast) => {
        asked.push("one");
        return own.get(runId, atLeast);
      },
      getMany: async (runIds) => {
        asked.push("many");
        return own.getMany(runIds);
      },
    }),
    queue: (own) => ({
      queued: async (workflow, runId) => {
        asked.push("queue");
        return own.queued(workflow, runId);
      },
    }),
  };
}
