import { describe, expect, it } from "vitest";
import { applyChanges } from "../../../src/core/checkpoint/apply.ts";
import {
  CheckpointSchema,
  isTerminal,
  RUN_STATUSES,
} from "../../../src/core/checkpoint/checkpoint.ts";
import { end, fresh, goes, iso, item, merge, START, T0, TestRun } from "./test-run.ts";

describe("a new run", () => {
  it("has nothing to do and has not started", () => {
    expect(fresh()).toMatchObject({
      v: 1,
      runId: "r",
      status: "running",
      started: false,
      items: {},
      forks: {},
      outputs: [],
      contextVersion: 0,
      epoch: 0,
      createdAt: iso(T0),
      counters: { items: 0, completed: 0, failed: 0, retries: 0, lost: 0 },
      history: { next: 1, events: [] },
    });
  });

  it("can be stored and read back", () => {
    expect(CheckpointSchema.parse(JSON.parse(JSON.stringify(fresh())))).toEqual(fresh());
  });

  it("keeps the time at which its request was accepted", () => {
    const run = new TestRun({ ...fresh(), createdAt: iso(T0 - 5_000) });
    run.does(START);
    expect(run.checkpoint).toMatchObject({ createdAt: iso(T0 - 5_000), updatedAt: iso(T0) });
  });
});

describe("start", () => {
  it("adds the first item, carried by the start request", () => {
    const run = new TestRun(fresh());
    expect(run.does(START)).toEqual([1]);
    expect(run.checkpoint).toMatchObject({
      started: true,
      fingerprint: "print",
      version: 2,
      startSeq: 7,
      inputHash: "hash",
      context: { total: 0, log: [] },
      nextItem: 2,
      counters: { items: 1 },
    });
    expect(run.checkpoint.items).toEqual({
      1: { node: "first", input: "in", attempt: 1, turn: 0, carrier: 0 },
    });
    expect(run.events).toEqual(["run.started"]);
  });

  it("counts once", () => {
    const run = TestRun.begun();
    expect(run.refuses(START)).toBe("started");
    expect(run.refuses({ ...START, input: "other", startSeq: 9 })).toBe("started");
    run.complete(1, goes(end()));
    expect(run.refuses(START)).toBe("started");
  });

  it("is taken by a run that was paused before it began", () => {
    const run = new TestRun(fresh());
    run.does({ type: "pause" });
    expect(run.does(START)).toEqual([1]);
    expect(run.checkpoint.status).toBe("paused");
    expect(run.does({ type: "resume" })).toEqual([1]);
  });

  it("is refused by a run that was cancelled before it began", () => {
    const run = new TestRun(fresh());
    run.does({ type: "cancel" });
    expect(run.refuses(START)).toBe("terminal");
    expect(run.checkpoint).toMatchObject({ status: "cancelled", items: {}, started: false });
  });

  it("keeps signals that came before", () => {
    const run = new TestRun(fresh());
    run.signal("go", 1);
    run.does(START);
    expect(run.checkpoint.signals).toEqual([{ name: "go", payload: 1 }]);
  });
});

describe("applying changes", () => {
  const env = { now: T0 + 5, by: "w1", commit: "c9", merge };

  it("stamps what it writes with time and commit", () => {
    const { checkpoint, changed } = applyChanges(fresh(), [START], env);
    expect(changed).toBe(true);
    expect(checkpoint).toMatchObject({ updatedAt: iso(T0 + 5), commit: "c9", createdAt: iso(T0) });
  });

  it("gives the checkpoint itself back where nothing happened", () => {
    const base = fresh();
    expect(applyChanges(base, [], env)).toEqual({ checkpoint: base, outcomes: [], changed: false });
    expect(applyChanges(base, [{ type: "resume" }], env).checkpoint).toBe(base);
  });

  it("judges each change after those before it", () => {
    const answer = { item: 1, turn: 0, carrier: 0, ms: 1, delta: null } as const;
    const changes = [
      START,
      START,
      { type: "complete", ...answer, routed: goes(item("second")) },
      { type: "complete", ...answer, routed: goes(item("third")) },
      { type: "complete", ...answer, item: 2, routed: goes(end("out")) },
      { type: "pause" },
    ] as const;
    const { checkpoint, outcomes, changed } = applyChanges(fresh(), changes, env);
    expect(outcomes).toEqual([
      { applied: true, items: [1] },
      { applied: false, refusal: "started" },
      { applied: true, items: [2] },
      { applied: false, refusal: "gone" },
      { applied: true, items: [] },
      { applied: false, refusal: "status" },
    ]);
    expect(changed).toBe(true);
    expect(checkpoint).toMatchObject({
      status: "completed",
      outputs: ["out"],
      counters: { items: 2 },
    });
  });
});

it("knows the statuses that a run keeps", () => {
  expect(RUN_STATUSES.filter(isTerminal)).toEqual(["completed", "failed", "cancelled"]);
});

it("refuses to read a checkpoint of a later form or of unknown status", () => {
  expect(CheckpointSchema.safeParse({ ...fresh(), v: 2 }).success).toBe(false);
  expect(CheckpointSchema.safeParse({ ...fresh(), status: "asleep" }).success).toBe(false);
  const { contextVersion: _, ...older } = fresh();
  expect(CheckpointSchema.safeParse(older).success).toBe(false);
});

it("lets keys pass that a later version of the program wrote", () => {
  const later = {
    ...fresh(),
    later: 1,
    items: { 1: { node: "n", input: 0, attempt: 1, turn: 0, later: 2 } },
  };
  expect(CheckpointSchema.parse(later)).toEqual(later);
});
