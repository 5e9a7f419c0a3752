import { describe, expect, it } from "vitest";
import { carriedBy } from "../../../src/core/checkpoint/inspect.ts";
import type { Successor } from "../../../src/core/checkpoint/routed.ts";
import { collectedIn, joined, valuesLeft, withKept } from "../../../src/core/checkpoint/wide.ts";
import { end, forks, goes, item, join, TestRun } from "./test-run.ts";

const wide = (chunks: number) => ({ ...forks([]), rest: { key: "k", chunks } });

/** A run whose first item forked into so many chunks. The item that opens them is 2. */
function forked(chunks: number): TestRun {
  const run = TestRun.begun();
  expect(run.complete(1, wide(chunks))).toEqual([2]);
  return run;
}

const open = (run: TestRun, ...successors: readonly Successor[]): readonly number[] =>
  run.does({ type: "open", ...run.answer(2), successors });

describe("a wide fork", () => {
  it("begins with the item that opens its branches, and counts none of them", () => {
    const run = forked(2);
    expect(run.item(2)).toMatchObject({ node: "first", opens: true, carrier: 0 });
    expect(run.checkpoint).toMatchObject({ outside: true, counters: { items: 1, completed: 1 } });
  });

  it("opens branches with references to their inputs, under the numbers of the whole fork", () => {
    const run = forked(2);
    // The first chunk alone is no more than "few": the next may follow at once.
    expect(open(run, item("a", "large"), item("b", "larger"))).toEqual([3, 4, 2]);
    expect(run.item(3)).toMatchObject({ input: null, from: [0, 0], scope: { fork: 1, index: 0 } });
    expect(open(run, item("c"))).toEqual([5]);
    expect(run.item(5)).toMatchObject({ from: [1, 0], scope: { index: 2 } });
    expect(run.checkpoint.items[2]).toBeUndefined();
    expect(run.checkpoint.counters.items).toBe(4);
  });

  it("rests while enough branches are live, and goes on when few are left", () => {
    const run = forked(3);
    open(run, item("a"), item("b"));
    expect(open(run, item("c"), item("d"))).toEqual([5, 6]);
    const resting = run.item(2);
    expect(resting.hold).toMatchObject({ for: null, until: null });
    expect(run.complete(3, goes(join("all", 1)))).toEqual([]);
    const answer = { ...run.answer(4), carrier: 4 };
    expect(run.complete(4, goes(join("all", 2)), answer)).toEqual([2]);
    expect(run.item(2)).toMatchObject({ turn: resting.turn + 1, carrier: 4 });
    expect(run.item(2).hold).toBeUndefined();
  });

  it("is opened once by a message that vouches for the item twice over: as its own, and as what came to it under it", () => {
    const run = forked(3);
    run.change({ type: "handed-over", items: [{ id: 2, turn: 0 }] }, { type: "pause" });
    run.change({ type: "resume" });
    const { turn } = run.item(2);
    expect(open(run, item("a"))).toEqual([3, 2]);
    expect(run.item(2)).toMatchObject({ carrier: 2 });
    expect(carriedBy(run.checkpoint, 2, turn)).toEqual([2, 3]);
  });

  it("refuses to open the same chunk twice", () => {
    const run = forked(3);
    const change = { type: "open", ...run.answer(2), successors: [item("a")] } as const;
    run.does(change);
    expect(run.refuses(change)).toBe("stale");
  });

  it("closes when its last chunk is open and its last branch has ended", () => {
    const run = forked(2);
    open(run, join("all", "a"), item("b"));
    const [last] = open(run, join("all", "c"));
    expect(last).toBeUndefined();
    const [id] = run.complete(3, goes(join("all", "b")));
    expect(run.item(id ?? 0).input).toEqual(["a", "b", "c"]);
    expect(run.checkpoint.forks).toEqual({});
  });

  it("closes with its last chunk where nothing of it runs", () => {
    const run = forked(2);
    expect(open(run, join("all", "a"))).toEqual([2]);
    const [id] = open(run, join("all", "b"));
    expect(run.item(id ?? 0)).toMatchObject({ node: "all", input: ["a", "b"] });
  });

  it("ends the run where its branches do", () => {
    const run = forked(1);
    expect(open(run, end(1), end(2))).toEqual([]);
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: [1, 2] });
  });

  it("says what chunks are garbage once it is closed", () => {
    const run = forked(2);
    open(run, join("all", "a"));
    const before = run.checkpoint;
    open(run, join("all", "b"));
    expect(valuesLeft(before, run.checkpoint)).toEqual(["k-0", "k-1"]);
    expect(valuesLeft(before, before)).toEqual([]);
  });

  it("is opened again after a pause from where it was", () => {
    const run = forked(2);
    run.does({ type: "pause" });
    expect(run.does({ type: "resume" })).toEqual([2]);
    expect(open(run, item("a"))).toEqual([3, 2]);
  });
});

describe("what a join has collected", () => {
  it("may be kept outside, and comes back in the order of the branches", () => {
    const run = forked(2);
    open(run, item("a"), join("all", "second"), join("all", "third"));
    const [moved] = collectedIn(run.checkpoint, 2);
    expect(moved).toMatchObject({ fork: "1", target: "all" });
    if (moved === undefined) throw new Error("nothing collected");
    run.checkpoint = withKept(run.checkpoint, [{ ...moved, keys: ["r"] }]);
    expect(collectedIn(run.checkpoint, 1)).toEqual([]);
    open(run, join("all", "fourth"));
    const [id] = run.complete(3, goes(join("all", "first")));
    const it = run.item(id ?? 0);
    expect(it.kept).toEqual(["r"]);
    expect(joined(it, [moved.results])).toEqual(["first", "second", "third", "fourth"]);
  });

  it("is handed on to a fallback as it is", () => {
    const run = forked(1);
    open(run, item("a"), join("all", "second"));
    const [moved] = collectedIn(run.checkpoint, 1);
    if (moved === undefined) throw new Error("nothing collected");
    run.checkpoint = withKept(run.checkpoint, [{ ...moved, keys: ["r"] }]);
    const [id = 0] = run.complete(3, goes(join("all", "first")));
    const { failure } = { failure: { ...failed, item: id } };
    const routed = goes({ type: "item", node: "instead", input: null, same: true });
    const [next = 0] = run.does({ type: "fallback", ...run.answer(id), ms: 1, failure, routed });
    expect(run.item(next)).toMatchObject({ node: "instead", kept: ["r"], input: [[0, "first"]] });
    const before = run.checkpoint;
    run.complete(next, goes(end("done")));
    expect(valuesLeft(before, run.checkpoint)).toEqual(["r"]);
  });
});

const failed = {
  kind: "error",
  name: "Error",
  message: "it broke",
  fatal: false,
  stack: null,
  node: "all",
  attempt: 1,
  at: new Date(0).toISOString(),
} as const;
