import { describe, expect, it } from "vitest";
import { end, failureAt, goes, iso, item, join, T0, TestRun } from "./test-run.ts";

describe("pause", () => {
  it("stops the run once", () => {
    const run = TestRun.begun();
    run.does({ type: "pause" });
    expect(run.checkpoint.status).toBe("paused");
    expect(run.events.at(-1)).toBe("run.paused");
    expect(run.refuses({ type: "pause" })).toBe("status");
  });

  it("lets what runs commit", () => {
    const run = TestRun.begun();
    run.does({ type: "pause" });
    expect(run.complete(1, goes(item("second")))).toEqual([2]);
    expect(run.checkpoint.status).toBe("paused");
  });

  it.each(["completed", "failed", "cancelled"])("is refused by a run that is %s", (status) => {
    expect(ended(status).refuses({ type: "pause" })).toBe("status");
  });
});

describe("cancel", () => {
  it.each([false, true])("ends a run for good (paused: %s)", (isPaused) => {
    const run = TestRun.begun();
    if (isPaused) run.does({ type: "pause" });
    run.now += 4;
    run.does({ type: "cancel" });
    expect(run.checkpoint).toMatchObject({ status: "cancelled", finishedAt: iso(T0 + 4) });
    expect(run.events.at(-1)).toBe("run.cancelled");
  });

  it("lets nothing of the run commit after it", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const answer = run.answer(2);
    run.does({ type: "cancel" });
    const failed = { ...answer, ms: 1, failure: failureAt(2) };
    for (const change of [
      { type: "complete", ...answer, ms: 1, delta: { total: 1 }, routed: goes(end()) },
      { type: "hold", ...answer, ms: 1, delta: null, for: "go", untilMs: null },
      { type: "retry", ...failed, notBeforeMs: T0, deliveries: 1 },
      { type: "fallback", ...failed, routed: goes(end()) },
      { type: "fail", ...failed },
      { type: "try", ...answer },
      { type: "lost", ...answer, failure: failureAt(2), lost: 1 },
      { type: "give-back", ...answer, deliveries: 2 },
      { type: "wake", ...answer },
      { type: "signal", id: "s", name: "go", payload: 1 },
    ] as const) {
      expect(run.refuses(change)).toBe("terminal");
    }
  });

  it.each([
    ["completed", "terminal"],
    ["failed", "terminal"],
    ["cancelled", "status"],
  ])("is refused by a run that is %s", (status, refusal) => {
    expect(ended(status).refuses({ type: "cancel" })).toBe(refusal);
  });
});

describe("resume", () => {
  it("lets a paused run go on, each item with a message of its own", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"), item("d"));
    run.hold(2, { for: "go" });
    run.hold(3, { for: "go", untilMs: T0 + 9_000 });
    run.retry(4, T0 + 5_000, { deliveries: 3 });
    run.does({ type: "pause" });
    expect(run.does({ type: "resume" })).toEqual([3, 4, 5]);
    expect(run.checkpoint).toMatchObject({ status: "running", epoch: 1 });
    for (const id of [2, 3, 4, 5]) {
      expect(run.item(id).carrier).toBeUndefined();
      expect(run.item(id).deliveries).toBeUndefined();
    }
    expect(run.item(2).hold).toMatchObject({ for: "go" });
    expect(run.item(4)).toMatchObject({ attempt: 2, turn: 1, notBefore: iso(T0 + 5_000) });
    expect(run.events.at(-1)).toBe("run.resumed");
  });

  it("does not throw away what runs while a run is paused", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    run.does({ type: "pause" });
    run.does({ type: "resume" });
    const change = {
      type: "complete",
      ...answer,
      ms: 1,
      delta: null,
      routed: goes(end("out")),
    } as const;
    run.does(change);
    expect(run.checkpoint.outputs).toEqual(["out"]);
  });

  it("lets a failed run try again from the item that failed it, with all its attempts", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(3, goes(join("collect", "b")));
    run.retry(2, T0 + 100);
    const answer = run.answer(2);
    run.fail(2);
    expect(run.does({ type: "resume" })).toEqual([2]);
    expect(run.checkpoint).toMatchObject({ status: "running", epoch: 1 });
    expect(run.checkpoint.failure).toBeUndefined();
    expect(run.checkpoint.finishedAt).toBeUndefined();
    expect(run.item(2)).toEqual({
      node: "a",
      input: null,
      attempt: 1,
      turn: 3,
      scope: { fork: 1, index: 0 },
    });
    expect(run.refuses({ type: "complete", ...answer, ms: 1, delta: null, routed: goes() })).toBe(
      "stale",
    );
    const [id] = run.complete(2, goes(join("collect", "a")));
    expect(run.item(id ?? 0).input).toEqual(["a", "b"]);
  });

  it("forgets what the item that failed the run was tried and lost before", () => {
    const run = TestRun.begun();
    run.tried(1);
    run.lost(1, 1);
    run.fail(1);
    expect(run.item(1)).toMatchObject({ failed: true, trying: true, lost: 1 });
    run.does({ type: "resume" });
    expect(run.item(1)).toEqual({ node: "first", input: "in", attempt: 1, turn: 2 });
  });

  it("forgets that an item of a paused run was tried: its new message has nothing to do with that", () => {
    const run = TestRun.begun();
    run.tried(1);
    run.lost(1, 1);
    run.does({ type: "pause" });
    run.does({ type: "resume" });
    expect(run.item(1)).toMatchObject({ turn: 0, lost: 1 });
    expect(run.item(1)).not.toHaveProperty("trying");
  });

  it("tells the attempts anew why they run, where they ran after a hold", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go" });
    run.signal("go", 5);
    run.fail(1);
    run.does({ type: "resume" });
    expect(run.item(1).wake).toEqual({ type: "signal", name: "go", payload: 5 });
  });

  it("may be needed again and again", () => {
    const run = TestRun.begun();
    for (let epoch = 1; epoch <= 3; epoch++) {
      run.fail(1);
      expect(run.checkpoint.counters.failed).toBe(epoch);
      expect(run.does({ type: "resume" })).toEqual([1]);
      expect(run.checkpoint.epoch).toBe(epoch);
    }
    run.complete(1, goes(end()));
    expect(run.checkpoint.status).toBe("completed");
  });

  it("finds nothing to queue in a run that has not begun", () => {
    const run = new TestRun({
      ...TestRun.begun().checkpoint,
      started: false,
      items: {},
      status: "paused",
    });
    expect(run.does({ type: "resume" })).toEqual([]);
  });

  it("is refused by a run that goes on, and by one that has ended otherwise", () => {
    expect(TestRun.begun().refuses({ type: "resume" })).toBe("status");
    expect(ended("completed").refuses({ type: "resume" })).toBe("status");
    expect(ended("cancelled").refuses({ type: "resume" })).toBe("status");
  });
});

function ended(status: string): TestRun {
  const run = TestRun.begun();
  if (status === "completed") run.complete(1, goes(end()));
  else if (status === "failed") run.fail(1);
  else run.does({ type: "cancel" });
  expect(run.checkpoint.status).toBe(status);
  return run;
}
