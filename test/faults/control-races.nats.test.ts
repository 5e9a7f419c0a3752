import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type DistributedOrchestrator, isFloxideError } from "../../src/index.ts";
import { accountOf, exactly } from "../support/account.ts";
import { eventually } from "../support/eventually.ts";
import {
  type Expected,
  faultChain,
  faultFlows,
  faultHold,
  instrument,
  mixture,
} from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";

let system: LiveSystem;
let orchestrators: readonly DistributedOrchestrator[];
/** When executions of each run began. */
let begun = new Map<string, number[]>();
let executed = new Set<string>();

beforeAll(async () => {
  system = await LiveSystem.start(faultFlows, { ackWaitMs: 1_000 });
  orchestrators = [system.orchestrator, await system.another(), await system.another()];
  await system.worker();
  await system.worker();
  await system.worker();
});

beforeEach(() => {
  begun = new Map();
  executed = new Set();
  instrument(({ run, item, at }) => {
    begun.set(run, [...(begun.get(run) ?? []), at]);
    executed.add(`${run}/${item}`);
  }, 2);
});

afterAll(() => system[Symbol.asyncDispose]());

const chance = (n: number): number => Math.floor(Math.random() * n);

function any(): DistributedOrchestrator {
  return orchestrators[chance(orchestrators.length)] ?? system.orchestrator;
}

/** Starts a run and waits until so many of its nodes have begun. */
async function startAndReach(expected: Expected, nodes: number): Promise<string> {
  const runId = await any().startRun(expected.workflow, expected.input);
  await eventually(() => expect(begun.get(runId)?.length ?? 0).toBeGreaterThanOrEqual(nodes), {
    everyMs: 1,
  });
  return runId;
}

/** True where the command was taken, false where the run is in a state that forbids it. */
async function tried(command: Promise<unknown>): Promise<boolean> {
  try {
    await command;
    return true;
  } catch (error) {
    if (isFloxideError(error, "illegal_state")) return false;
    throw error;
  }
}

async function all(rounds: number, width: number, round: (i: number) => Promise<void>) {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < rounds) await round(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

test("nothing commits after cancel has returned, whoever else cancels, pauses or resumes", async () => {
  const fences = new Map<string, unknown>();
  await all(120, 6, async (i) => {
    const expected = mixture(i);
    const runId = await startAndReach(expected, chance(expected.items));
    const others = (["cancel", "pause", "resume"] as const).slice(0, chance(4));
    const settled = Promise.all(others.map((command) => tried(any()[command](runId))));
    if (await tried(any().cancel(runId))) {
      fences.set(runId, await system.backend.contexts.get(runId));
      // A resume that is under way at the same time may still queue what nobody will execute.
      await eventually(async () => expect((await any().pendingWork(runId)).queued).toBe(0));
    }
    await settled;
  });
  expect(fences.size).toBeGreaterThan(40);
  await eventually(async () => expect(await system.queued()).toBe(0));
  for (const [runId, then] of fences) {
    expect(await system.backend.contexts.get(runId)).toEqual(then);
    expect(await any().status(runId)).toBe("cancelled");
  }
  for (const status of ["running", "paused"] as const) {
    expect((await any().listRuns({ status })).items).toEqual([]);
  }
}, 60_000);

test("no node starts after pause has returned, and resume loses and doubles nothing", async () => {
  let paused = 0;
  await all(80, 6, async (i) => {
    const expected = mixture(i);
    const runId = await startAndReach(expected, chance(expected.items));
    for (let again = chance(3); again >= 0; again--) {
      if (!(await tried(any().pause(runId)))) break;
      const returned = Date.now();
      paused += 1;
      // Another run goes from end to end meanwhile: the workers have not stopped.
      const marker = await any().startRun(faultChain, 0);
      await any().waitForCompletion(marker, { timeoutMs: 10_000 });
      expect((begun.get(runId) ?? []).filter((at) => at > returned)).toEqual([]);
      // What ran when the pause came may have been the last of it.
      if (!(await tried(any().resume(runId)))) break;
    }
    await any().waitForCompletion(runId, { timeoutMs: 10_000 });
    expect(await accountOf(any(), runId, executed)).toEqual(exactly(expected));
  });
  expect(paused).toBeGreaterThan(40);
}, 60_000);

test("a run that several orchestrators pause, resume and signal at random ends exactly as one left alone", async () => {
  await all(60, 10, async (i) => {
    const hold = { workflow: faultHold.name, input: 20, output: i, items: 2, retries: 0 };
    const expected = i % 2 === 0 ? mixture(i >> 1) : hold;
    const runId = await any().startRun(expected.workflow, expected.input);
    const storm = async (): Promise<void> => {
      for (let n = 0; n < 8; n++) {
        if (chance(2) === 0) await tried(any().pause(runId));
        else await tried(any().resume(runId));
        if (chance(6) === 0) await tried(any().signal(runId, "go", i, { signalId: "only" }));
      }
    };
    await Promise.all([storm(), storm(), storm()]);
    await tried(any().signal(runId, "go", i, { signalId: "only" }));
    await tried(any().resume(runId));
    await any().waitForCompletion(runId, { timeoutMs: 15_000 });
    expect(await accountOf(any(), runId, executed)).toEqual(exactly(expected));
  });
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 90_000);

test("of cancel and resume at once one wins, and the run is not left standing", async () => {
  const ends = new Set<string>();
  await all(80, 8, async (i) => {
    const expected = mixture(i);
    const runId = await startAndReach(expected, chance(expected.items));
    await tried(any().pause(runId));
    await Promise.all([tried(any().resume(runId)), tried(any().cancel(runId))]);
    const { status } = await any().waitForCompletion(runId, { timeoutMs: 10_000 });
    ends.add(status);
    const account = await accountOf(any(), runId, executed);
    if (status === "completed") expect(account).toEqual(exactly(expected));
    else expect(account).toMatchObject({ status: "cancelled", gaps: [], twice: [], ended: 1 });
    expect(account.steps ?? 0).toBe(account.completed);
  });
  expect([...ends]).toContain("cancelled");
  await eventually(async () => expect(await system.queued()).toBe(0));
}, 60_000);
