import { describe, expect, it } from "vitest";
import { end, failureAt, goes, iso, item, T0, TestRun } from "./test-run.ts";

describe("a retry", () => {
  it("keeps the item for another attempt, not before its time", () => {
    const run = TestRun.begun();
    expect(run.retry(1, T0 + 5_000, { ms: 3.5, deliveries: 2 })).toEqual([1]);
    expect(run.item(1)).toEqual({
      node: "first",
      input: "in",
      attempt: 2,
      turn: 1,
      carrier: 0,
      notBefore: iso(T0 + 5_000),
      failure: failureAt(1),
      deliveries: 2,
    });
    expect(run.checkpoint).toMatchObject({
      counters: { items: 1, completed: 0, retries: 1, failed: 0 },
      nodes: { first: [0, 0, 1, 3.5, 3.5] },
    });
    expect(run.events.at(-1)).toBe("attempt.failed");
  });

  it("forgets what was tried and lost before it: the attempt was heard of", () => {
    const run = TestRun.begun();
    run.tried(1);
    run.lost(1, 1);
    run.retry(1, T0);
    expect(run.item(1)).not.toHaveProperty("trying");
    expect(run.item(1)).not.toHaveProperty("lost");
    expect(run.checkpoint.counters.lost).toBe(1);
    run.tried(1);
    expect(run.lost(1, 1)).toEqual([1]);
  });

  it("counts once", () => {
    const run = TestRun.begun();
    const change = {
      type: "retry",
      ...run.answer(1),
      ms: 1,
      failure: failureAt(1),
      notBeforeMs: T0,
      deliveries: 1,
    } as const;
    run.does(change);
    expect(run.refuses(change)).toBe("stale");
    expect(run.item(1).attempt).toBe(2);
  });

  it.each([
    [Number.POSITIVE_INFINITY, "9999-12-31T23:59:59.999Z"],
    [9e15, "9999-12-31T23:59:59.999Z"],
    [Number.NaN, "1970-01-01T00:00:00.000Z"],
    [-1, "1970-01-01T00:00:00.000Z"],
  ])("may ask for a time that is none: %d", (notBeforeMs, stored) => {
    const run = TestRun.begun();
    run.retry(1, notBeforeMs);
    expect(run.item(1).notBefore).toBe(stored);
  });
});

describe("a fallback", () => {
  it("fails the run for what it misses only while nobody has written it anew", () => {
    const [run, [a, b]] = TestRun.forked(item("a"), item("b"));
    const failed = { type: "fail", ...run.answer(a ?? 0), ms: 0, failure: failureAt(1) } as const;
    run.complete(b ?? 0, goes(), { delta: { notes: "new" } });
    expect(run.refuses({ ...failed, seen: 0 })).toBe("outdated");
    expect(run.checkpoint.status).toBe("running");
    run.does({ ...failed, seen: 1 });
    expect(run.checkpoint.status).toBe("failed");
  });

  it("counts the failure and goes on", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    const failed = {
      type: "fallback",
      ...answer,
      ms: 2,
      failure: failureAt(1),
      routed: goes(item("rescue", "in")),
    } as const;
    expect(run.does(failed)).toEqual([2]);
    expect(run.refuses(failed)).toBe("gone");
    expect(run.checkpoint).toMatchObject({
      status: "running",
      counters: { items: 2, completed: 0, failed: 1 },
      nodes: { first: [0, 1, 0, 2, 2] },
      items: { 2: { node: "rescue", input: "in" } },
    });
    expect(run.events.at(-1)).toBe("item.failed");
  });

  it("may end the run", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    run.does({
      type: "fallback",
      ...answer,
      ms: 2,
      failure: failureAt(1),
      routed: goes(end("sorry")),
    });
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: ["sorry"] });
  });
});

describe("a failure that nothing takes over", () => {
  it("fails the run and keeps the item", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.now += 9;
    expect(run.fail(2)).toEqual([]);
    expect(run.checkpoint).toMatchObject({
      status: "failed",
      failure: failureAt(2, run.now),
      finishedAt: iso(run.now),
      counters: { failed: 1 },
      forks: { 1: { live: 2 } },
    });
    expect(run.item(2)).toMatchObject({ failed: true, turn: 1 });
    expect(run.item(3)).toMatchObject({ turn: 0 });
    expect(run.events.slice(-2)).toEqual(["item.failed", "run.failed"]);
  });

  it("is written once: at the run, in place of how the item failed before", () => {
    const run = TestRun.begun();
    run.retry(1, T0);
    expect(run.item(1).failure).toEqual(failureAt(1));
    run.now += 9;
    run.fail(1);
    expect(run.item(1)).not.toHaveProperty("failure");
    expect(run.checkpoint.failure).toEqual(failureAt(1, T0 + 9));
  });

  it("lets nothing else of the run commit", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const answer = run.answer(3);
    run.fail(2);
    expect(run.refuses({ type: "complete", ...answer, ms: 1, delta: null, routed: goes() })).toBe(
      "terminal",
    );
    expect(run.refuses({ type: "fail", ...answer, ms: 1, failure: failureAt(3) })).toBe("terminal");
    expect(run.refuses({ type: "wake", ...answer })).toBe("terminal");
  });
});

describe("an item whose message came again", () => {
  it("is written down before it is executed, and nothing else changes", () => {
    const run = TestRun.begun();
    const before = run.item(1);
    run.now += 3;
    expect(run.tried(1)).toEqual([1]);
    expect(run.item(1)).toEqual({ ...before, trying: true });
    expect(run.checkpoint).toMatchObject({ commit: "c2", updatedAt: iso(T0 + 3) });
    expect(run.checkpoint.counters.lost).toBe(0);
    expect(run.events).toEqual(["run.started"]);
  });

  it("may be written down again", () => {
    const run = TestRun.begun();
    run.tried(1);
    const before = run.item(1);
    expect(run.tried(1)).toEqual([1]);
    expect(run.item(1)).toEqual(before);
  });

  it("is refused where the item has moved on", () => {
    const run = TestRun.begun();
    const change = { type: "try", ...run.answer(1) } as const;
    run.retry(1, T0);
    expect(run.refuses(change)).toBe("stale");
    run.complete(1, goes(item("second")));
    expect(run.refuses(change)).toBe("gone");
  });

  it("answers as any other", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    run.tried(1);
    run.does({ type: "complete", ...answer, ms: 1, delta: null, routed: goes(end("out")) });
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: ["out"] });
  });
});

describe("an execution that was never heard of again", () => {
  it("is counted, and its item may run again at once, written down as well", () => {
    const run = TestRun.begun();
    const before = run.item(1);
    run.tried(1);
    expect(run.lost(1, 1)).toEqual([1]);
    expect(run.item(1)).toEqual({ ...before, trying: true, lost: 1, failure: failureAt(1) });
    run.now += 5;
    expect(run.lost(1, 2)).toEqual([1]);
    expect(run.item(1)).toMatchObject({ trying: true, lost: 2, failure: failureAt(1, T0 + 5) });
    expect(run.checkpoint.counters.lost).toBe(2);
    expect(run.events.slice(-2)).toEqual(["execution.lost", "execution.lost"]);
  });

  it.each([
    [0, 0],
    [0, 2],
    [1, 1],
    [1, 3],
    [2, 1],
  ])("counts once: after %d in a row, another cannot make %d", (before, lost) => {
    const run = TestRun.begun();
    run.tried(1);
    for (let i = 1; i <= before; i++) run.lost(1, i);
    expect(run.refuses({ type: "lost", ...run.answer(1), failure: failureAt(1), lost })).toBe(
      "stale",
    );
  });

  it("still counts where it answers after all", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    run.tried(1);
    run.lost(1, 1);
    run.does({ type: "complete", ...answer, ms: 1, delta: null, routed: goes(end("late")) });
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: ["late"] });
  });
});

describe("an item that is given back unexecuted", () => {
  it("has its deliveries accounted for and nothing else changed", () => {
    const run = TestRun.begun();
    const before = run.item(1);
    expect(run.does({ type: "give-back", ...run.answer(1), deliveries: 3 })).toEqual([]);
    expect(run.item(1)).toEqual({ ...before, deliveries: 3 });
    expect(run.events).toEqual(["run.started"]);
  });

  it("is tried no more, but what was lost before stays lost", () => {
    const run = TestRun.begun();
    const before = run.item(1);
    run.tried(1);
    run.lost(1, 1);
    run.does({ type: "give-back", ...run.answer(1), deliveries: 3 });
    expect(run.item(1)).toEqual({ ...before, lost: 1, deliveries: 3, failure: failureAt(1) });
    run.tried(1);
    expect(run.lost(1, 2)).toEqual([1]);
  });
});
