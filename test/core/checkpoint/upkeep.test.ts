import { describe, expect, it } from "vitest";
import type { Change } from "../../../src/core/checkpoint/change.ts";
import { carriedBy, dueMs, itemState } from "../../../src/core/checkpoint/inspect.ts";
import { end, goes, item, T0, TestRun } from "./test-run.ts";

/** Items on the turn that they began on. */
const atFirst = (...ids: readonly number[]) => ids.map((id) => ({ id, turn: 0 }));

describe("what is never worth a write by itself", () => {
  const lazy: readonly Change[] = [
    { type: "handed-over", items: atFirst(2, 3, 99) },
    { type: "history-kept", upTo: 2 },
  ];

  it("changes nothing alone", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const before = run.checkpoint;
    expect(run.change(...lazy)).toEqual([
      { applied: true, items: [] },
      { applied: true, items: [] },
    ]);
    expect(run.checkpoint).toBe(before);
    expect(run.last?.changed).toBe(false);
  });

  it("goes out with what is", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.change(...lazy, { type: "pause" });
    expect(run.item(2).carrier).toBeUndefined();
    expect(run.item(3).carrier).toBeUndefined();
    expect(run.item(4).carrier).toBe(0);
    expect(run.checkpoint.history.events.map(([number, , kind]) => [number, kind])).toEqual([
      [3, "run.paused"],
    ]);
    expect(run.checkpoint.history.next).toBe(4);
  });

  it("leaves an item alone that has a message of its own", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.change({ type: "handed-over", items: atFirst(2) }, { type: "pause" });
    const before = run.item(2);
    run.change({ type: "handed-over", items: atFirst(2) }, { type: "resume" });
    expect(run.item(2)).toEqual(before);
  });
});

describe("events that wait for the history stream", () => {
  it("are five hundred at most: the oldest go", () => {
    const run = TestRun.begun();
    for (let i = 1; i <= 600; i++) run.complete(i, goes(item("again")));
    const { next, events } = run.checkpoint.history;
    expect(next).toBe(602);
    expect(events).toHaveLength(500);
    expect(events[0]?.[0]).toBe(102);
    expect(events.at(-1)?.[0]).toBe(601);
  });
});

describe("an item", () => {
  it("is pending until it waits for something", () => {
    const run = TestRun.begun();
    expect(itemState(run.item(1), T0)).toBe("pending");
    expect(dueMs(run.item(1))).toBe(0);
  });

  it("waits for its next attempt until that is due", () => {
    const run = TestRun.begun();
    run.retry(1, T0 + 100);
    expect(dueMs(run.item(1))).toBe(T0 + 100);
    expect(itemState(run.item(1), T0 + 99)).toBe("waiting_retry");
    expect(itemState(run.item(1), T0 + 100)).toBe("pending");
  });

  it("is held until it is released", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go", untilMs: T0 + 100 });
    expect(itemState(run.item(1), T0 + 500)).toBe("held");
    expect(dueMs(run.item(1))).toBe(T0 + 100);
    run.signal("go");
    expect(itemState(run.item(1), T0)).toBe("pending");
    run.hold(1, { for: "go" });
    expect(dueMs(run.item(1))).toBe(Number.POSITIVE_INFINITY);
  });

  it("has failed where it failed the run", () => {
    const run = TestRun.begun();
    run.fail(1);
    expect(itemState(run.item(1), T0)).toBe("failed");
  });
});

describe("a message", () => {
  it("vouches for what was added under it and has no message yet", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([2, 3, 4]);
    run.change({ type: "handed-over", items: atFirst(3) }, { type: "pause" });
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([2, 4]);
    expect(carriedBy(run.checkpoint, 3, 0)).toEqual([3]);
  });

  it("goes on vouching for an item that has come to a later turn than the one that got a message", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.retry(2, T0 + 5, { carrier: 0 });
    run.change({ type: "handed-over", items: [{ id: 2, turn: 0 }] }, { type: "pause" });
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([2, 3]);
    run.change({ type: "handed-over", items: [{ id: 2, turn: 1 }], before: "ack" });
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([3]);
  });

  it("vouches for its own item also while another carries it", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    expect(carriedBy(run.checkpoint, 2, 0)).toEqual([2]);
  });

  it("does not vouch for its item in a later turn, unless that came to it under the message itself", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.change({ type: "handed-over", items: atFirst(2, 3) }, { type: "pause" });
    run.retry(2, T0 + 5, { carrier: 2 });
    expect(carriedBy(run.checkpoint, 2, 0)).toEqual([2]);
    run.change({ type: "handed-over", items: [{ id: 2, turn: 1 }], before: "ack" });
    expect(carriedBy(run.checkpoint, 2, 0)).toEqual([]);
    expect(carriedBy(run.checkpoint, 2, 1)).toEqual([2]);
  });

  it("vouches for what follows from its item", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.change({ type: "handed-over", items: atFirst(2, 3) }, { type: "pause" });
    run.complete(2, goes(item("a2")), { carrier: 2 });
    expect(carriedBy(run.checkpoint, 2, 0)).toEqual([4]);
    run.complete(4, goes(end()), { carrier: 2 });
    expect(carriedBy(run.checkpoint, 2, 0)).toEqual([]);
  });

  it("is asked to vouch only while it vouches for the item that something follows from", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"), item("d"), item("e"));
    run.change({ type: "handed-over", items: atFirst(2, 3, 4, 5), before: "ack" });
    // Somebody who still has the start request in hand, which was acknowledged meanwhile.
    run.complete(2, goes(item("a2")), { carrier: 0 });
    run.retry(3, T0 + 5, { carrier: 0 });
    run.hold(4, { for: null, untilMs: T0 + 5, carrier: 0 });
    run.complete(6, goes(item("e2")), { carrier: 6 });
    expect([2, 3, 4, 6].map((id) => carriedBy(run.checkpoint, id, 0))).toEqual([
      [7],
      [3],
      [4],
      [8],
    ]);
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([]);
  });

  it("is written down as vouching for nothing before it is acknowledged, where it did", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    const change = { type: "handed-over", items: atFirst(2, 3), before: "ack" } as const;
    expect(run.change({ type: "handed-over", items: atFirst(2) }, change)).toEqual([
      { applied: true, items: [] },
      { applied: true, items: [] },
    ]);
    expect(run.change(change)).toEqual([{ applied: false, refusal: "gone" }]);
  });

  it("is not written down in a run that has ended", () => {
    const [run] = TestRun.forked(item("a"), item("b"));
    run.does({ type: "cancel" });
    expect(run.refuses({ type: "handed-over", items: atFirst(2, 3), before: "ack" })).toBe(
      "terminal",
    );
  });

  it("vouches for a wait that time ends, not for one that only a signal ends", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.hold(2, { for: "go", untilMs: T0 + 5 });
    run.hold(3, { for: "go" });
    run.retry(4, T0 + 5);
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([2, 4]);
    expect(carriedBy(run.checkpoint, 3, 0)).toEqual([]);
  });

  it("does not vouch for an item that failed the run", () => {
    const run = TestRun.begun();
    run.fail(1);
    expect(carriedBy(run.checkpoint, 0, 0)).toEqual([]);
  });
});
