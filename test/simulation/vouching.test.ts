import { describe, expect, it } from "vitest";
import { Choice, type Mover } from "../../proof/simulate/mover.ts";
import { Replica } from "../../proof/simulate/nats/replica.ts";
import { Random } from "../../proof/simulate/random.ts";
import { unvouched } from "../../proof/simulate/vouching.ts";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { namesOf } from "../../src/jetstream/names.ts";
import { TestRun } from "../core/checkpoint/test-run.ts";

const NAMES = namesOf("sim");

describe("whether something will move a run", () => {
  const { checkpoint: begun } = TestRun.begun();
  const { runId, workflow } = begun;
  const [[key = "", item] = []] = Object.entries(begun.items);
  if (item === undefined) throw new Error("a run that has begun has an item");
  const id = Number(key);
  const withItem = (changed: Partial<typeof item>): Checkpoint => {
    const { carrier: _carrier, ...rest } = item;
    return { ...begun, items: { [key]: { ...rest, ...changed } } };
  };
  const queue = (...subjects: readonly string[]): Replica => {
    const replica = new Replica();
    for (const [i, subject] of subjects.entries()) {
      const body = JSON.stringify({
        v: 1,
        runId,
        item: id,
        turn: 0,
        revision: 1,
        version: 1,
        fingerprint: "f",
      });
      const message = { seq: i + 1, subject, headers: new Map(), body, at: 0 };
      replica.apply({ type: "add", message });
    }
    return replica;
  };

  it.each([
    ["a message of its own", withItem({}), queue(NAMES.work(workflow, runId, id))],
    ["a timer", withItem({}), queue(NAMES.sched(workflow, runId, id, 0))],
    ["its carrier's", withItem({ carrier: 7 }), queue(NAMES.work(workflow, runId, 7))],
    ["the start request", { ...withItem({ carrier: 0 }), startSeq: 1 }, queue("sim.start.w")],
  ])("%s does", (_what, checkpoint, replica) => {
    expect(unvouched(NAMES, replica, checkpoint)).toBeNull();
  });

  it("a signal that is waited for, or a resume, is nobody's to vouch for", () => {
    const hold = { for: "go", until: null, since: new Date(0).toISOString() };
    expect(unvouched(NAMES, queue(), withItem({ hold }))).toBeNull();
    expect(unvouched(NAMES, queue(), { ...withItem({}), status: "paused" })).toBeNull();
  });

  it("a message of its own does not that was for an earlier turn", () => {
    const own = queue(NAMES.work(workflow, runId, id), NAMES.sched(workflow, runId, id, 0));
    expect(unvouched(NAMES, own, withItem({ turn: 1 }))).toContain(`item ${key} of ${runId}`);
    expect(unvouched(NAMES, own, withItem({ turn: 1, carrier: id }))).toBeNull();
  });

  it("nothing does where its message, and that of its carrier, is gone", () => {
    const other = queue(NAMES.work(workflow, runId, id + 1));
    expect(unvouched(NAMES, other, withItem({}))).toContain(`item ${key} of ${runId}`);
    expect(unvouched(NAMES, other, withItem({ carrier: 7 }))).toContain("item 7");
    expect(unvouched(NAMES, other, { ...withItem({ carrier: 0 }), startSeq: 9 })).not.toBeNull();
  });
});

describe("what moves next", () => {
  const movers = Array.from(
    { length: 3 },
    (): Mover => ({ isReady: () => true, move: () => true }),
  );
  const longest = (isUneven: boolean): number => {
    const choice = new Choice(new Random(1), isUneven);
    const since = movers.map(() => 0);
    let most = 0;
    for (let step = 0; step < 3_000; step++) {
      for (const mover of movers) choice.offer(mover);
      const chosen = choice.take();
      for (const [i, mover] of movers.entries()) {
        since[i] = mover === chosen ? 0 : (since[i] ?? 0) + 1;
        most = Math.max(most, since[i] ?? 0);
      }
    }
    return most;
  };

  it("is anything, and where paces differ one may stay behind for long", () => {
    expect(longest(false)).toBeLessThan(50);
    expect(longest(true)).toBeGreaterThan(60);
  });

  it("is nothing where nothing can", () => {
    const choice = new Choice(new Random(1), true);
    choice.offer({ isReady: () => false, move: () => true });
    expect(choice.take()).toBeNull();
  });
});
