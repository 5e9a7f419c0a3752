import { describe, expect, it } from "vitest";
import { end, forks, goes, item, join, TestRun } from "./test-run.ts";

describe("an answer", () => {
  it("replaces its item by what follows, under the same message", () => {
    const run = TestRun.begun();
    expect(run.complete(1, goes(item("second", { a: 1 })))).toEqual([2]);
    expect(run.checkpoint.items).toEqual({
      2: { node: "second", input: { a: 1 }, attempt: 1, turn: 0, carrier: 0 },
    });
  });

  it("ends the run where it ends the last item", () => {
    const run = TestRun.begun();
    run.now += 50;
    expect(run.complete(1, goes(end("out")))).toEqual([]);
    expect(run.checkpoint).toMatchObject({
      status: "completed",
      outputs: ["out"],
      finishedAt: new Date(run.now).toISOString(),
      items: {},
    });
    expect(run.events).toEqual(["run.started", "item.completed", "run.completed"]);
  });

  it("ends the run also where it leads nowhere", () => {
    const run = TestRun.begun();
    run.complete(1, goes());
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: [] });
  });

  it("does not end a run that has other items", () => {
    const [run, [a, b]] = TestRun.forked(item("a"), item("b"));
    run.complete(a ?? 0, goes(end(1)));
    expect(run.checkpoint).toMatchObject({ status: "running", outputs: [1] });
    run.complete(b ?? 0, goes(end(2)));
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: [1, 2] });
  });

  it("ends a paused run where it ends the last item", () => {
    const run = TestRun.begun();
    run.does({ type: "pause" });
    run.complete(1, goes(end()));
    expect(run.checkpoint.status).toBe("completed");
    expect(run.refuses({ type: "resume" })).toBe("status");
  });

  it("counts once", () => {
    const run = TestRun.begun();
    const change = {
      type: "complete",
      ...run.answer(1),
      ms: 1,
      delta: { total: 5 },
      routed: goes(item("second")),
    } as const;
    run.does(change);
    expect(run.refuses(change)).toBe("gone");
    expect(run.checkpoint.context["total"]).toBe(5);
  });

  it("is thrown away where the item is on another turn", () => {
    const run = TestRun.begun();
    const old = run.answer(1);
    run.retry(1, run.now);
    const change = { type: "complete", ...old, ms: 1, delta: null, routed: goes() } as const;
    expect(run.refuses(change)).toBe("stale");
    expect(run.refuses({ ...change, turn: 7 })).toBe("stale");
  });

  it("is thrown away where there is no such item", () => {
    const run = TestRun.begun();
    const nobody = { item: 9, turn: 0, carrier: 0, ms: 1, delta: null, routed: goes() };
    expect(run.refuses({ type: "complete", ...nobody })).toBe("gone");
  });

  it("merges what it adds into the context", () => {
    const run = TestRun.begun();
    run.complete(1, goes(item("second")), { delta: { total: 2, log: ["a"] } });
    run.complete(2, goes(item("third")), { delta: { total: 3, log: ["b"], found: true } });
    expect(run.checkpoint.context).toEqual({ total: 5, log: ["a", "b"], found: true });
    expect(run.checkpoint.contextVersion).toBe(2);
  });

  it("leaves the context's version where it adds nothing", () => {
    const run = TestRun.begun();
    run.complete(1, goes(item("second")));
    expect(run.checkpoint.contextVersion).toBe(0);
  });

  it("that depends on the context counts only while the context is the one that was seen", () => {
    const [run, [a, b]] = TestRun.forked(item("a"), item("b"));
    const answer = {
      type: "complete",
      ...run.answer(b ?? 0),
      ms: 1,
      delta: { total: 1 },
      routed: goes(),
    } as const;
    run.complete(a ?? 0, goes(), { delta: { total: 1 }, seen: 0 });
    expect(run.refuses({ ...answer, seen: 0 })).toBe("outdated");
    expect(run.item(b ?? 0).turn).toBe(0);
    run.does({ ...answer, seen: 1 });
    expect(run.checkpoint).toMatchObject({ status: "completed", context: { total: 2 } });
  });

  it("counts only where nothing of the context is lost", () => {
    const run = TestRun.begun();
    run.checkpoint = { ...run.checkpoint, contextKept: { notes: ["key", 9_000] } };
    const of = { ...run.answer(1), ms: 1, delta: { notes: ["new"] } };
    expect(run.refuses({ ...of, type: "complete", routed: goes(end()) })).toBe("outdated");
    expect(run.refuses({ ...of, type: "hold", for: "go", untilMs: null })).toBe("outdated");
    expect(run.checkpoint.contextVersion).toBe(0);
  });

  it("that does not depend on the context counts whatever became of it", () => {
    const [run, [a, b]] = TestRun.forked(item("a"), item("b"));
    run.complete(a ?? 0, goes(), { delta: { total: 1 } });
    run.complete(b ?? 0, goes(), { delta: { total: 1 } });
    expect(run.checkpoint.context["total"]).toBe(2);
  });

  it("adds up the figures of its node", () => {
    const run = TestRun.begun();
    run.complete(1, goes(item("first")), { ms: 2.00049 });
    run.complete(2, goes(item("first")), { ms: 7.5 });
    run.complete(3, goes(end()), { ms: 0.25 });
    expect(run.checkpoint.nodes).toEqual({ first: [3, 0, 0, 9.75, 7.5] });
    expect(run.checkpoint.counters).toEqual({
      items: 3,
      completed: 3,
      failed: 0,
      retries: 0,
      lost: 0,
    });
  });

  it("keeps figures of a node whatever its name", () => {
    const [run] = TestRun.forked(item("constructor"), item("toString"), item("hasOwnProperty"));
    for (const id of [2, 3, 4]) run.complete(id, goes(join("valueOf", id)));
    expect(run.checkpoint.nodes).toMatchObject({
      constructor: [1, 0, 0, 1, 1],
      toString: [1, 0, 0, 1, 1],
      hasOwnProperty: [1, 0, 0, 1, 1],
    });
    expect(run.item(5)).toMatchObject({ node: "valueOf", input: [2, 3, 4] });
  });

  it("tells who gave it in the history", () => {
    const run = TestRun.begun();
    run.by = "w7";
    run.now += 3;
    run.complete(1, goes(item("second")));
    expect(run.checkpoint.history).toEqual({
      next: 3,
      events: [
        [1, run.now - 3, "run.started", null, null, null, "w1"],
        [2, run.now, "item.completed", 1, "first", 1, "w7"],
      ],
    });
  });
});

describe("an answer with several successors", () => {
  it("opens a fork with a branch for each", () => {
    const [run, ids] = TestRun.forked(item("a", 1), item("b", 2));
    expect(ids).toEqual([2, 3]);
    expect(run.checkpoint.forks).toEqual({
      1: { node: "first", live: 2, joins: {}, emptyJoins: [] },
    });
    expect(run.item(2)).toMatchObject({ node: "a", input: 1, scope: { fork: 1, index: 0 } });
    expect(run.item(3)).toMatchObject({ node: "b", input: 2, scope: { fork: 1, index: 1 } });
  });

  it("closes the fork when its last branch ends", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(2, goes());
    expect(run.checkpoint.forks).toMatchObject({ 1: { live: 1 } });
    run.complete(3, goes(end()));
    expect(run.checkpoint).toMatchObject({ forks: {}, status: "completed" });
  });

  it("keeps a branch in its fork however long it is", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const [next] = run.complete(2, goes(item("a2")));
    expect(run.item(next ?? 0).scope).toEqual({ fork: 1, index: 0 });
    expect(run.checkpoint.forks).toMatchObject({ 1: { live: 2 } });
  });
});

describe("an answer with no successors in a fork", () => {
  it("ends at once and lets the empty joins run", () => {
    const run = TestRun.begun();
    const added = run.complete(1, forks([], ["collect", "report"]));
    expect(added).toEqual([2, 3]);
    expect(run.checkpoint.forks).toEqual({});
    expect(run.item(2)).toEqual({ node: "collect", input: [], attempt: 1, turn: 0, carrier: 0 });
    expect(run.item(3)).toMatchObject({ node: "report", input: [] });
  });

  it("ends the run where there is no empty join either", () => {
    const run = TestRun.begun();
    run.complete(1, forks([]));
    expect(run.checkpoint).toMatchObject({ status: "completed", forks: {} });
  });
});
