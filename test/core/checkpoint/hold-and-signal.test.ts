import { describe, expect, it } from "vitest";
import { SIGNAL_LIMIT } from "../../../src/core/checkpoint/control-changes.ts";
import { end, goes, iso, item, T0, TestRun } from "./test-run.ts";

const HOUR_MS = 3_600_000;

describe("a hold", () => {
  it("parks the item without a message where only a signal ends it", () => {
    const run = TestRun.begun();
    expect(run.hold(1, { for: "approved", delta: { total: 1 } })).toEqual([]);
    expect(run.item(1)).toEqual({
      node: "first",
      input: "in",
      attempt: 1,
      turn: 1,
      hold: { for: "approved", until: null, since: iso(T0) },
    });
    expect(run.checkpoint.context["total"]).toBe(1);
    expect(run.events).toEqual(["run.started", "item.held"]);
  });

  it("keeps the message that vouches for it where time ends it", () => {
    const run = TestRun.begun();
    run.hold(1, { for: null, untilMs: T0 + HOUR_MS });
    expect(run.item(1)).toMatchObject({
      carrier: 0,
      hold: { for: null, until: iso(T0 + HOUR_MS) },
    });
  });

  it("forgets what belongs to the attempts before it", () => {
    const run = TestRun.begun();
    run.retry(1, T0, { deliveries: 3 });
    run.tried(1);
    run.lost(1, 1);
    expect(run.item(1)).toMatchObject({
      attempt: 2,
      trying: true,
      lost: 1,
      deliveries: 3,
      notBefore: iso(T0),
    });
    run.hold(1, { for: "go" });
    expect(Object.keys(run.item(1)).sort()).toEqual(["attempt", "hold", "input", "node", "turn"]);
    expect(run.item(1)).toMatchObject({ attempt: 1, turn: 2 });
  });

  it("takes the answers of the execution before it for stale", () => {
    const run = TestRun.begun();
    const answer = run.answer(1);
    run.hold(1, { for: "go" });
    expect(run.refuses({ type: "complete", ...answer, ms: 1, delta: null, routed: goes() })).toBe(
      "stale",
    );
    expect(
      run.refuses({ type: "hold", ...answer, ms: 1, delta: null, for: "go", untilMs: null }),
    ).toBe("stale");
  });

  it("does not end the run", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go" });
    expect(run.checkpoint.status).toBe("running");
  });

  it("may be for longer than dates go", () => {
    const run = TestRun.begun();
    run.hold(1, { untilMs: 1e300 });
    expect(run.item(1).hold?.until).toBe("9999-12-31T23:59:59.999Z");
    run.now += HOUR_MS;
    expect(run.refuses({ type: "wake", ...run.answer(1) })).toBe("stale");
  });
});

describe("time", () => {
  it("ends a hold when it has come, and the node is told so", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "approved", untilMs: T0 + HOUR_MS });
    run.now = T0 + HOUR_MS;
    expect(run.does({ type: "wake", ...run.answer(1), carrier: 1 })).toEqual([1]);
    expect(run.item(1)).toEqual({
      node: "first",
      input: "in",
      attempt: 1,
      turn: 2,
      carrier: 1,
      wake: { type: "timeout", name: "approved" },
    });
    expect(run.events.at(-1)).toBe("item.released");
  });

  it("does not end a hold early", () => {
    const run = TestRun.begun();
    run.hold(1, { untilMs: T0 + HOUR_MS });
    run.now = T0 + HOUR_MS - 1;
    expect(run.refuses({ type: "wake", ...run.answer(1) })).toBe("stale");
  });

  it("does not end a hold that has no time, nor an item that is not held", () => {
    const run = TestRun.begun();
    expect(run.refuses({ type: "wake", ...run.answer(1) })).toBe("stale");
    run.hold(1, { for: "go" });
    expect(run.refuses({ type: "wake", ...run.answer(1) })).toBe("stale");
  });

  it("comes too late where a signal was first", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go", untilMs: T0 + 10 });
    const wake = { type: "wake", ...run.answer(1) } as const;
    run.signal("go");
    run.now += 10;
    expect(run.refuses(wake)).toBe("stale");
    expect(run.item(1).wake).toEqual({ type: "signal", name: "go", payload: null });
  });
});

describe("a signal", () => {
  it("ends the hold that waits for it and brings its payload", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "approved" });
    expect(run.signal("approved", { by: "ann" })).toEqual([1]);
    expect(run.item(1)).toEqual({
      node: "first",
      input: "in",
      attempt: 1,
      turn: 2,
      wake: { type: "signal", name: "approved", payload: { by: "ann" } },
    });
    expect(run.checkpoint.signals).toEqual([]);
    expect(run.events.slice(-2)).toEqual(["run.signalled", "item.released"]);
  });

  it("is kept where nothing waits for it", () => {
    const run = TestRun.begun();
    expect(run.signal("approved", 1)).toEqual([]);
    run.hold(1, { for: "other" });
    expect(run.item(1).hold).toBeDefined();
    expect(run.checkpoint.signals).toEqual([{ name: "approved", payload: 1 }]);
  });

  it("that came early ends a hold as it begins, under the same message", () => {
    const run = TestRun.begun();
    run.signal("approved", 1);
    expect(run.hold(1, { for: "approved", carrier: 0 })).toEqual([1]);
    expect(run.item(1)).toEqual({
      node: "first",
      input: "in",
      attempt: 1,
      turn: 2,
      carrier: 0,
      wake: { type: "signal", name: "approved", payload: 1 },
    });
    expect(run.checkpoint.signals).toEqual([]);
    expect(run.events.slice(-2)).toEqual(["item.held", "item.released"]);
  });

  it("that came first is taken first", () => {
    const run = TestRun.begun();
    for (const payload of [1, 2, 3]) run.signal(payload === 2 ? "other" : "go", payload);
    run.hold(1, { for: "go" });
    expect(run.item(1).wake).toMatchObject({ payload: 1 });
    run.hold(1, { for: "go" });
    expect(run.item(1).wake).toMatchObject({ payload: 3 });
    expect(run.checkpoint.signals).toEqual([{ name: "other", payload: 2 }]);
  });

  it("goes to the item that has waited longest", () => {
    const [run] = TestRun.forked(item("a"), item("b"), item("c"));
    run.hold(4, { for: "go" });
    run.now += 1;
    run.hold(2, { for: "go" });
    run.hold(3, { for: "go" });
    expect(run.signal("go", 1)).toEqual([4]);
    expect(run.signal("go", 2)).toEqual([2]);
    expect(run.signal("go", 3)).toEqual([3]);
  });

  it("counts once by its id", () => {
    const run = TestRun.begun();
    run.signal("go", 1, "same");
    expect(run.refuses({ type: "signal", id: "same", name: "go", payload: 2 })).toBe("status");
    run.signal("go", 1, "another");
    expect(run.checkpoint.signals).toHaveLength(2);
  });

  it("is remembered by its id for the next hundred", () => {
    const run = TestRun.begun();
    run.signal("go", 0, "first");
    for (let i = 0; i < 99; i++) run.signal("go", i, `later ${i}`);
    expect(run.refuses({ type: "signal", id: "first", name: "go", payload: 0 })).toBe("status");
    run.signal("go", 99, "later 99");
    expect(run.checkpoint.signalIds).toHaveLength(100);
    run.signal("go", 0, "first");
  });

  it("is refused where as many wait as a run keeps, unless something waits for it", () => {
    const run = TestRun.begun();
    for (let i = 0; i < SIGNAL_LIMIT; i++) run.signal("early", i);
    expect(run.refuses({ type: "signal", id: "one more", name: "early", payload: 0 })).toBe("full");
    run.hold(1, { for: "other" });
    expect(run.signal("other")).toEqual([1]);
  });

  it("is refused by a run that has ended", () => {
    const run = TestRun.begun();
    run.complete(1, goes(end()));
    expect(run.refuses({ type: "signal", id: "s", name: "go", payload: 0 })).toBe("terminal");
  });

  it("reaches a paused run, whose item runs once the run is resumed", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go" });
    run.does({ type: "pause" });
    run.signal("go");
    expect(run.item(1).wake).toBeDefined();
    expect(run.checkpoint.status).toBe("paused");
    expect(run.does({ type: "resume" })).toEqual([1]);
  });

  it("that nobody took goes with the run", () => {
    const run = TestRun.begun();
    run.signal("unheard");
    run.complete(1, goes(end()));
    expect(run.checkpoint.signals).toEqual([]);
  });

  it("is still told to the attempt after a retry", () => {
    const run = TestRun.begun();
    run.hold(1, { for: "go" });
    run.signal("go", 7);
    run.retry(1, run.now);
    expect(run.item(1)).toMatchObject({ attempt: 2, wake: { payload: 7 } });
  });
});
