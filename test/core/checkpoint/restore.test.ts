import { describe, expect, it } from "vitest";
import { isGivenUp } from "../../../src/core/checkpoint/checkpoint.ts";
import { failureAt, fresh, goes, item, START, TestRun } from "./test-run.ts";

const restored = { type: "restored", event: 1 } as const;
const giveUp = { type: "give-up", event: 1, failure: failureAt(1) } as const;

describe("restored", () => {
  it("refuses whatever was executed before", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const answers = [run.answer(2), run.answer(3)];
    run.does(restored);
    for (const answer of answers) {
      expect(run.refuses({ type: "try", ...answer })).toBe("stale");
    }
  });

  it("refuses what was executed for an item that is added anew", () => {
    const lost = TestRun.begun();
    const run = new TestRun(lost.checkpoint);
    lost.complete(1, goes(item("second")));
    const answer = lost.answer(2);
    run.does(restored);
    expect(run.complete(1, goes(item("second")))).toEqual([2]);
    expect(run.refuses({ type: "try", ...answer })).toBe("stale");
    run.does(restored);
    expect(run.checkpoint.firstTurn).toBe(2_000);
  });

  it("gives every item that may run a message of its own, under new ids", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.does({ type: "hold", ...run.answer(2), ms: 1, delta: null, for: "go", untilMs: null });
    run.does({
      type: "hold",
      ...run.answer(3),
      ms: 1,
      delta: null,
      for: null,
      untilMs: run.now + 9,
    });
    run.does({ type: "try", ...run.answer(4) });
    const { epoch } = run.checkpoint;
    expect(run.does(restored)).toEqual([3, 4]);
    expect(run.checkpoint.epoch).toBe(epoch + 1);
    for (const one of Object.values(run.checkpoint.items)) {
      expect(one).not.toHaveProperty("carrier");
      expect(one).not.toHaveProperty("trying");
    }
  });

  it("counts events on from those that are known of", () => {
    const run = TestRun.begun();
    run.does({ ...restored, event: 40 });
    expect(run.checkpoint.history.events.at(-1)).toEqual([
      40,
      run.now,
      "run.restored",
      null,
      null,
      null,
    ]);
    run.does({ ...restored, event: 7 });
    expect(run.checkpoint.history.next).toBe(42);
  });

  it("leaves a paused run paused, and an ended one ended", () => {
    const run = TestRun.begun();
    run.does({ type: "pause" });
    run.does(restored);
    expect(run.checkpoint.status).toBe("paused");
    run.does({ type: "cancel" });
    expect(run.refuses(restored)).toBe("terminal");
  });
});

describe("a run that is given up", () => {
  it("has failed, and cannot be resumed", () => {
    const run = new TestRun(fresh());
    run.does(giveUp);
    expect(run.checkpoint).toMatchObject({ status: "failed", failure: giveUp.failure });
    expect(isGivenUp(run.checkpoint)).toBe(true);
    expect(run.events).toEqual(["run.failed"]);
    expect(run.refuses({ type: "resume" })).toBe("status");
    expect(run.refuses(giveUp)).toBe("terminal");
  });

  it("begins where its start request comes after all", () => {
    const run = new TestRun(fresh());
    run.does({ ...giveUp, event: 5 });
    expect(run.does(START)).toEqual([1]);
    expect(run.checkpoint).toMatchObject({ status: "running", started: true });
    expect(run.checkpoint).not.toHaveProperty("failure");
    expect(run.checkpoint).not.toHaveProperty("finishedAt");
    expect(run.checkpoint.history.events.map(([number]) => number)).toEqual([5, 6]);
    expect(run.checkpoint.items[1]?.turn).toBe(1_000);
  });

  it("waits for its start request where that is sent again", () => {
    const run = new TestRun(fresh());
    expect(run.refuses({ type: "await-start" })).toBe("status");
    run.does(giveUp);
    run.does({ type: "await-start" });
    expect(run.checkpoint).toMatchObject({ status: "running", started: false });
    expect(run.does(START)).toEqual([1]);
  });

  it("has not begun", () => {
    expect(TestRun.begun().refuses(giveUp)).toBe("started");
  });
});
