import { expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import type { Failure } from "../../src/core/failure.ts";
import type { Backend } from "../../src/core/ports/backend.ts";
import { requeue } from "../../src/engine/requeue.ts";
import type { RunSession } from "../../src/engine/session.ts";
import { next, nextAll, node, workflow } from "../../src/workflows/index.ts";
import { single } from "../support/flows.ts";
import { gate } from "../support/gate.ts";
import { knownOf, Stage } from "./stage.ts";

// Messages that several have in hand, and what one does between two steps of another.

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const numbers = { input: z.number(), output: z.number() };
const fan = workflow({
  name: "w",
  version: 1,
  start: "fan",
  edges: { fan: ["branch"], branch: [] },
  nodes: {
    fan: node({ ...numbers, run: (_c, n) => nextAll(upTo(n)) }),
    branch: node({ ...numbers, run: (_c, n) => next(n) }),
  },
});

const failure: Failure = {
  kind: "error",
  name: "Error",
  message: "no",
  fatal: false,
  stack: null,
  node: "branch",
  item: 3,
  attempt: 1,
  at: new Date(0).toISOString(),
};

/** A stage on which lists are slow to show the end of a run; that they do is told among what becomes of messages. */
function slowLists(): Stage {
  const runs = {
    replace: async ({ status }: { readonly status: string }) => {
      await pause(30);
      stage.told.push(`listed as ${status}`);
    },
  };
  const stage: Stage = new Stage(fan, {
    through: { runs: runs as unknown as Backend["runs"] },
  });
  return stage;
}

const branches = (inputs: readonly number[]) => ({
  forks: true,
  emptyJoins: [],
  successors: inputs.map((input) => ({ type: "item", node: "branch", input }) as const),
});

const ended = (item: number) => ({ item, turn: 0, carrier: 0, ms: 0, delta: null }) as const;

async function opened(stage: Stage): Promise<RunSession> {
  const session = stage.begun("fan", 5);
  const routed = await stage.outside.keepBranches("r", branches(upTo(4)));
  await session.commit({ type: "complete", ...ended(1), routed });
  await session.commit({ type: "handed-over", items: [{ id: 2, turn: 0 }], before: "ack" });
  const { checkpoint } = knownOf(session);
  const opener = checkpoint.items[2];
  if (opener === undefined) throw new Error("the fork has no opener");
  const successors = (await stage.outside.nextBranches(checkpoint, opener)) ?? [];
  await session.commit({ type: "open", item: 2, turn: 0, carrier: 2, successors });
  return session;
}

test("who opens branches, and finds that one of them has failed the run in other hands, shows the end", async () => {
  const stage = slowLists();
  const dying = await opened(stage);
  await dying.commit({ type: "fail", item: 3, turn: 0, carrier: 2, ms: 0, failure });
  const other = stage.session();
  await other.load(1);
  await stage.carry(other, knownOf(other), 2);
  expect(stage.told).toEqual(["listed as failed", "ack 2"]);
});

test("no message of a run that has ended goes before lists show the end, whoever in the process shows it", async () => {
  const stage = slowLists();
  const session = stage.begun("fan", 2);
  await session.commit({ type: "complete", ...ended(1), routed: branches([1, 2]) });
  const before = knownOf(session);
  await session.commit({ type: "fail", item: 2, turn: 0, carrier: 2, ms: 0, failure });
  const first = stage.carry(session, before, 3, { deliveries: 2 });
  const second = stage.carry(session, before, 2);
  await Promise.all([first, second]);
  expect(stage.told.slice(0, 1)).toEqual(["listed as failed"]);
  expect(stage.told.slice(1).sort()).toEqual(["ack 2", "ack 3"]);
});

test.each([
  ["waits, and its time has come", false],
  ["is tried by somebody else", true],
])("an item that is suspect is left alone where meanwhile it %s", async (_what, triedAgain) => {
  const executed: number[] = [];
  const blocked = gate();
  const flow = single(async (n) => {
    executed.push(n);
    if (n === 1) await blocked.promise;
    return n;
  });
  const stage = new Stage(flow);
  const suspect = async (runId: string, input: number): Promise<RunSession> => {
    const session = stage.begun("only", input, runId);
    await session.commit({ type: "try", item: 1, turn: 0, carrier: 0 });
    return session;
  };
  const [ahead, behind] = [await suspect("ahead", 1), await suspect("behind", 2)];
  const message = { workflow: flow, id: 1, carrier: 0, turn: 0, again: true, deliveries: 3 };
  const first = stage.executor.execute({ ...message, session: ahead });
  const second = stage.executor.execute({ ...message, session: behind });
  const other = stage.session("behind");
  await other.reload();
  const untilMs = Date.now() + 5;
  await other.commit({ type: "hold", ...ended(1), for: "go", untilMs });
  await pause(10);
  if (triedAgain) {
    await other.commit({ type: "wake", item: 1, turn: 1, carrier: 1 });
    await other.commit({ type: "try", item: 1, turn: 2, carrier: 1 });
  }
  behind.doubt();
  blocked.open();
  await first;
  expect(await second).toMatchObject({ type: "refused", refusal: "stale" });
  expect(executed).toEqual([1]);
  expect(knownOf(behind).checkpoint.counters.lost).toBe(0);
});

test("an item that comes due between two looks at the clock is not queued under the id of the message in hand", async () => {
  const due = Date.now() + 5_000;
  const looks = [due - 2, due - 1];
  const clock = { ...systemClock, now: () => looks.shift() ?? due };
  const scheduled: number[] = [];
  const enqueued: number[] = [];
  const queue = {
    enqueue: async (items: readonly { item: number }[]) =>
      void enqueued.push(...items.map(({ item }) => item)),
    schedule: async ({ item }: { item: number }) => void scheduled.push(item),
  };
  const stage = new Stage(fan, { clock, through: { queue: queue as unknown as Backend["queue"] } });
  const session = stage.begun("branch", 1);
  const failed = { ms: 0, deliveries: 0, notBeforeMs: due, failure };
  await session.commit({ type: "retry", item: 1, turn: 0, carrier: 0, ...failed });
  await session.commit({ type: "handed-over", items: [{ id: 1, turn: 1 }], before: "ack" });
  const { checkpoint, revision } = knownOf(session);
  // As a process whose clock is ahead has queued it.
  await requeue(stage.backend.queue, checkpoint, revision, [1], due);
  await stage.carry(session, { checkpoint, revision }, 1, { turn: 1, deliveries: 2 });
  expect({ scheduled, enqueued }).toEqual({ scheduled: [1], enqueued: [] });
});

test("what follows from an item is vouched for by what vouches for it, and not by a message of an earlier turn", async () => {
  const stage = new Stage(fan);
  const session = stage.begun("fan", 1);
  await session.commit({ type: "hold", ...ended(1), for: null, untilMs: Date.now() });
  await session.commit({ type: "wake", item: 1, turn: 1, carrier: 0 });
  // Of turn 0: whoever else had it in hand has acknowledged it.
  const spent = { workflow: fan, id: 1, carrier: 1, turn: 0, again: false, deliveries: 1 };
  expect(await stage.executor.execute({ ...spent, session })).toMatchObject({ items: [2] });
  expect(knownOf(session).checkpoint.items[2]).toMatchObject({ node: "branch", carrier: 0 });
});
