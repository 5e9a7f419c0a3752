import { describe, expect, it } from "vitest";
import { end, failureAt, forks, goes, item, join, TestRun } from "./test-run.ts";

describe("a join", () => {
  it("runs once, when all branches have ended, with what they gave in the order of the fork", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    expect(run.complete(4, goes(join("collect", "third")))).toEqual([]);
    expect(run.complete(2, goes(join("collect", "first")))).toEqual([]);
    expect(run.at("collect")).toEqual([]);
    expect(run.complete(3, goes(join("collect", "second")))).toEqual([5]);
    expect(run.item(5)).toEqual({
      node: "collect",
      input: ["first", "second", "third"],
      attempt: 1,
      turn: 0,
      carrier: 0,
    });
    expect(run.checkpoint.forks).toEqual({});
    run.complete(5, goes(end("done")));
    expect(run.checkpoint).toMatchObject({ status: "completed", outputs: ["done"] });
  });

  it("runs without the branches that ended elsewhere", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.complete(2, goes(end("aside")));
    run.complete(3, goes());
    const [id] = run.complete(4, goes(join("collect", 4)));
    expect(run.item(id ?? 0).input).toEqual([4]);
    expect(run.checkpoint.outputs).toEqual(["aside"]);
  });

  it("counts what a branch gives once", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const change = {
      type: "complete",
      ...run.answer(2),
      ms: 1,
      delta: null,
      routed: goes(join("collect", 1)),
    } as const;
    run.does(change);
    expect(run.refuses(change)).toBe("gone");
    const [id] = run.complete(3, goes(join("collect", 2)));
    expect(run.item(id ?? 0).input).toEqual([1, 2]);
  });

  it("may be reached straight from the fork", () => {
    const run = TestRun.begun();
    const [id] = run.complete(1, forks([join("collect", "a"), join("collect", "b")]));
    expect(run.item(id ?? 0)).toMatchObject({ node: "collect", input: ["a", "b"] });
    expect(run.checkpoint.forks).toEqual({});
  });

  it("may be reached by some branches at once and by others later", () => {
    const run = TestRun.begun();
    const [branch] = run.complete(
      1,
      forks([join("collect", "a"), item("b"), end("e"), join("collect", "d")]),
    );
    const [id] = run.complete(branch ?? 0, goes(join("collect", "b")));
    expect(run.item(id ?? 0).input).toEqual(["a", "b", "d"]);
    expect(run.checkpoint.outputs).toEqual(["e"]);
  });

  it("outside a fork runs at once with the one value", () => {
    const run = TestRun.begun();
    const [id] = run.complete(1, goes(join("collect", { a: 1 })));
    expect(run.item(id ?? 0)).toMatchObject({ node: "collect", input: [{ a: 1 }] });
    expect(run.checkpoint.forks).toEqual({});
  });

  it("is one of several that each collect their own", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.complete(3, goes(join("odd", 2)));
    run.complete(2, goes(join("even", 1)));
    const added = run.complete(4, goes(join("odd", 3)));
    expect(added.map((id) => [run.item(id).node, run.item(id).input])).toEqual([
      ["odd", [2, 3]],
      ["even", [1]],
    ]);
  });

  it("runs with nothing where no branch reached any", () => {
    const run = TestRun.begun();
    run.complete(1, forks([item("a"), item("b")], ["collect"]));
    run.complete(2, goes(end()));
    const [id] = run.complete(3, goes());
    expect(run.item(id ?? 0)).toMatchObject({ node: "collect", input: [] });
  });

  it("does not run with nothing where another was reached", () => {
    const run = TestRun.begun();
    run.complete(1, forks([item("a"), item("b")], ["collect", "other"]));
    run.complete(2, goes(join("other", 1)));
    const added = run.complete(3, goes());
    expect(added.map((id) => [run.item(id).node, run.item(id).input])).toEqual([["other", [1]]]);
  });

  it("takes what a fallback gives", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const failed = { ...run.answer(2), ms: 1, failure: failureAt(2) };
    run.does({ type: "fallback", ...failed, routed: goes(join("collect", "instead")) });
    const [id] = run.complete(3, goes(join("collect", 2)));
    expect(run.item(id ?? 0).input).toEqual(["instead", 2]);
  });

  it("keeps one contribution of each of two hundred branches that end in any order", () => {
    const width = 200;
    const run = TestRun.begun();
    const ids = run.complete(1, forks(Array.from({ length: width }, (_, i) => item("a", i))));
    const shuffled = ids.map((_, i) => ids[(i * 37) % width] ?? 0);
    let added: readonly number[] = [];
    for (const id of shuffled) added = run.complete(id, goes(join("collect", run.item(id).input)));
    expect(added).toHaveLength(1);
    expect(run.item(added[0] ?? 0).input).toEqual(Array.from({ length: width }, (_, i) => i));
  });

  it("is what the run waits for with a result that is null too", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(2, goes(join("collect", null)));
    const [id] = run.complete(3, goes(join("collect", null)));
    expect(run.item(id ?? 0).input).toEqual([null, null]);
  });
});

describe("a fork in a fork", () => {
  it("holds the outer one open, and its join goes on in the branch of the outer", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(2, forks([item("a1"), item("a2")]));
    expect(run.checkpoint.forks).toMatchObject({
      1: { live: 2 },
      2: { node: "a", live: 2, parent: { fork: 1, index: 0 } },
    });
    run.complete(3, goes(join("outer", "b")));
    run.complete(4, goes(join("inner", "a1")));
    const [inner] = run.complete(5, goes(join("inner", "a2")));
    expect(run.item(inner ?? 0)).toMatchObject({
      input: ["a1", "a2"],
      scope: { fork: 1, index: 0 },
    });
    expect(Object.keys(run.checkpoint.forks)).toEqual(["1"]);
    const [outer] = run.complete(inner ?? 0, goes(join("outer", "a")));
    expect(run.item(outer ?? 0)).toMatchObject({ input: ["a", "b"] });
    expect(run.item(outer ?? 0).scope).toBeUndefined();
  });

  it("lets both joins run in one change where both end with it", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(3, goes(join("outer", "b")));
    run.complete(2, forks([item("a1")]));
    const added = run.complete(4, goes(end("aside")));
    expect(added.map((id) => [run.item(id).node, run.item(id).input])).toEqual([["outer", ["b"]]]);
    expect(run.checkpoint.forks).toEqual({});
  });

  it("that is empty lets its join run in the branch of the outer", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const [inner] = run.complete(2, forks([], ["inner"]));
    expect(run.item(inner ?? 0)).toMatchObject({ input: [], scope: { fork: 1, index: 0 } });
    expect(run.checkpoint.forks).toMatchObject({ 1: { live: 2 } });
  });

  it("that is empty and joins nothing ends the branch of the outer", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.complete(3, goes(join("outer", "b")));
    const added = run.complete(2, forks([]));
    expect(added.map((id) => run.item(id).input)).toEqual([["b"]]);
  });

  it("may go as deep as it likes", () => {
    const depth = 30;
    const run = TestRun.begun();
    let id = 1;
    for (let i = 0; i < depth; i++)
      id = run.complete(id, forks([item("deeper")], [`join-${i}`]))[0] ?? 0;
    expect(Object.keys(run.checkpoint.forks)).toHaveLength(depth);
    [id = 0] = run.complete(id, goes());
    for (let i = depth - 1; i >= 0; i--) {
      expect(run.item(id)).toMatchObject({ node: `join-${i}`, input: [] });
      [id = 0] = run.complete(id, goes());
    }
    expect(run.checkpoint).toMatchObject({ status: "completed", forks: {} });
  });
});

it("says so where a checkpoint names a fork that is not open", () => {
  const [run] = TestRun.forked(item("a"), item("b"));
  run.checkpoint = { ...run.checkpoint, forks: {} };
  expect(() => run.complete(2, goes())).toThrow('checkpoint of run "r": fork 1 is not open');
});
