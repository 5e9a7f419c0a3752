import { expect, test } from "vitest";
import { type InjectedFault, recoveries } from "../../proof/chaos/recovery.ts";
import { plan } from "../../proof/chaos/runs.ts";
import { type FinishedRun, judge, type Leftovers } from "../../proof/chaos/verdict.ts";
import { Chance } from "../../proof/support/chance.ts";
import { type Account, exactly } from "../support/account.ts";

// A harness that cannot fail proves nothing: what is wrong is planted here, and must be found.

const NOTHING_LEFT: Leftovers = {
  queued: [],
  deadLetters: [],
  crashed: [],
  executions: 60,
  commits: 60,
};

/** Seven runs, one of each kind, all as they must be. */
function good(): FinishedRun[] {
  const chance = new Chance(7);
  return Array.from({ length: 7 }, (_, i) => {
    const planned = plan("run", i, chance);
    const account = exactly(planned);
    return { plan: planned, accepted: true, told: true, account, fence: null, complaints: [] };
  });
}

/** The same, with one run altered. */
function altered(i: number, change: Partial<FinishedRun>): FinishedRun[] {
  return good().map((run, at) => (at === i ? { ...run, ...change } : run));
}

function accountWith(i: number, change: Partial<Account>): FinishedRun[] {
  const run = good()[i];
  return altered(i, { account: { ...(run?.account as Account), ...change } });
}

const whatIsWrong = (runs: readonly FinishedRun[], left: Partial<Leftovers> = {}): string[] =>
  judge(runs, { ...NOTHING_LEFT, ...left }).map(({ what, where }) => `${what}: ${where}`);

test("runs that are as they must be are found right", () => {
  expect(whatIsWrong(good())).toEqual([]);
});

test("a run that nobody knows any more is found", () => {
  expect(whatIsWrong(altered(2, { account: null }))).toEqual(["lost run: run-2"]);
});

test("a run that never ended is found", () => {
  const runs = accountWith(0, { status: "running", ended: 0 });
  expect(whatIsWrong(runs)).toEqual(["lost run: run-0"]);
});

test("a start that nobody ever acknowledged is found", () => {
  expect(whatIsWrong(altered(1, { accepted: false }))).toEqual(["not accepted: run-1"]);
});

test("an end that its customer was not told of is found", () => {
  expect(whatIsWrong(altered(1, { told: false }))).toEqual(["not told: run-1"]);
});

test("a transition that counts twice is found, in the counter, in the figures and in the history", () => {
  const { completed, items } = exactly(plan("run", 0, new Chance(7)));
  expect(whatIsWrong(accountWith(0, { steps: items + 1 }))).toEqual(["not exact: run-0"]);
  expect(whatIsWrong(accountWith(0, { completed: completed + 1 }))).toEqual(["not exact: run-0"]);
  expect(whatIsWrong(accountWith(0, { twice: [3] }))).toEqual(["not exact: run-0"]);
});

test("a wrong result is found", () => {
  expect(whatIsWrong(accountWith(1, { output: 1 }))).toEqual(["not exact: run-1"]);
});

test("a run that failed, and one with a gap in its history, are found", () => {
  expect(whatIsWrong(accountWith(3, { status: "failed" }))).toEqual(["not exact: run-3"]);
  expect(whatIsWrong(accountWith(3, { gaps: [4] }))).toEqual(["not exact: run-3"]);
});

test("a commit that no journal has an execution of is found", () => {
  expect(whatIsWrong(accountWith(4, { unexecuted: [2] }))).toEqual(["not exact: run-4"]);
  expect(whatIsWrong(good(), { executions: 59 })).toEqual([
    "fewer executions than commits: journals",
  ]);
});

test("a cancelled run may stand anywhere, but not move", () => {
  const [run] = good();
  const half = { status: "cancelled", output: null, items: 4, completed: 3, steps: 3 };
  const account = { ...(run?.account as Account), ...half, completedItems: 3 };
  const stands = altered(0, { account, fence: { before: 5, after: 5 } });
  expect(whatIsWrong(stands)).toEqual([]);
  const moved = altered(0, { account, fence: { before: 5, after: 6 } });
  expect(whatIsWrong(moved)).toEqual(["fence broken: run-0"]);
  const ended = altered(0, { fence: { before: 5, after: 5 } });
  expect(whatIsWrong(ended)).toEqual(["not exact: run-0"]);
});

test("what is left behind is found", () => {
  expect(whatIsWrong(good(), { queued: ["floxide.start.x"] })).toEqual([
    "left in the queue: work stream",
  ]);
  expect(whatIsWrong(good(), { deadLetters: ["conflict"] })).toEqual(["dead letter: dead letters"]);
  expect(whatIsWrong(good(), { crashed: ["worker-1"] })).toEqual(["crashed: worker-1"]);
});

test("the same seed plans the same runs, another one others", () => {
  const plans = (seed: number) => {
    const chance = new Chance(seed);
    return Array.from({ length: 50 }, (_, i) => plan("run", i, chance));
  };
  expect(plans(3)).toEqual(plans(3));
  expect(plans(3)).not.toEqual(plans(4));
});

test("a recovery is measured from the fault to the next commit of a run that it interrupted", () => {
  const fault: InjectedFault = {
    number: 1,
    kind: "worker-kill",
    target: "w1",
    at: 1_000,
    healedAt: 1_200,
    hits: ["w1"],
    isCrowded: false,
    notes: [],
  };
  const began = (run: string, worker: string, at: number) => {
    return { run, worker, at, item: 1, node: "n1", attempt: 1 };
  };
  const executions = [
    began("interrupted", "w1", 990),
    began("done before", "w1", 900),
    began("elsewhere", "w2", 990),
    began("later", "w1", 1_100),
  ];
  const commits: Record<string, number[]> = {
    interrupted: [950, 1_700],
    "done before": [940, 1_500],
    elsewhere: [1_900],
    later: [1_950],
  };
  const times = { commits: (run: string) => commits[run] ?? [], isSequence: () => true };
  const all = { p50: 700, p99: 700, max: 700 };
  const healed = { p50: 500, p99: 500, max: 500 };
  expect(recoveries([fault], executions, times)).toEqual([
    { kind: "worker-kill", faults: 1, runs: 1, fromFault: all, fromHeal: healed },
  ]);
  const crowded = recoveries([{ ...fault, isCrowded: true }], executions, times);
  expect(crowded).toMatchObject([{ faults: 1, runs: 0, fromFault: null }]);
});
