import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { newCheckpoint, outputOf } from "../../src/core/checkpoint/checkpoint.ts";
import { toFailure } from "../../src/core/failure.ts";
import { DeadLetterSchema } from "../../src/core/records/dead-letter.ts";
import { HistoryEventSchema, historyOf } from "../../src/core/records/history-event.ts";
import { HeartbeatSchema, livenessOf } from "../../src/core/records/liveness.ts";
import { RunMetricsSchema, toRunMetrics } from "../../src/core/records/metrics.ts";
import { RunErrorSchema } from "../../src/core/records/run-error.ts";
import { RunInfoSchema, saysTheSame, toRunInfo } from "../../src/core/records/run-info.ts";
import { namedIn, WorkMessageSchema } from "../../src/core/records/work-message.ts";
import { infoOf } from "../conformance/fixtures.ts";

const CREATED_MS = Date.UTC(2026, 0, 1);
const failure = toFailure(new Error("e"), { node: "n", item: 1, attempt: 1, now: CREATED_MS });

function checkpoint(more: Partial<Checkpoint> = {}): Checkpoint {
  const run = {
    runId: "r",
    workflow: "orders",
    version: 2,
    fingerprint: "f",
    inputHash: "h",
    startSeq: 5,
    context: {},
    createdAt: CREATED_MS,
  };
  return { ...newCheckpoint(run, CREATED_MS + 10), ...more };
}

const finishedAt = new Date(CREATED_MS + 1_500).toISOString();
const known = {
  runId: "r",
  workflow: "orders",
  version: 2,
  createdAt: "2026-01-01T00:00:00.000Z",
  inputHash: "h",
  revision: 9,
};

describe("run info", () => {
  it.each(["running", "paused"] as const)("of a %s run shows what lists need", (status) => {
    expect(toRunInfo(checkpoint({ status }), 9)).toEqual({ ...known, status });
  });

  it("of a completed run carries its last output", () => {
    const done = checkpoint({ status: "completed", finishedAt, outputs: [1, { total: 3 }] });
    expect(toRunInfo(done, 9)).toEqual({
      ...known,
      status: "completed",
      finishedAt,
      output: { total: 3 },
    });
  });

  it("of a completed run without output carries null", () => {
    const done = checkpoint({ status: "completed", finishedAt });
    expect(toRunInfo(done, 9)).toMatchObject({ output: null });
    expect(outputOf(done)).toBeNull();
  });

  it("leaves out an output that is too large for a list", () => {
    const of = (characters: number) =>
      toRunInfo(
        checkpoint({ status: "completed", finishedAt, outputs: ["x".repeat(characters)] }),
        9,
      );
    expect(of(4_094)).toMatchObject({ output: "x".repeat(4_094) });
    expect(of(4_095)).toMatchObject({ output: null });
  });

  it("of a failed run carries why", () => {
    const failed = checkpoint({ status: "failed", finishedAt, failure });
    expect(toRunInfo(failed, 9)).toEqual({ ...known, status: "failed", finishedAt, failure });
  });

  it("of a cancelled run says when, by the last change where the end was not kept", () => {
    const cancelled = checkpoint({ status: "cancelled" });
    expect(toRunInfo(cancelled, 9)).toEqual({
      ...known,
      status: "cancelled",
      finishedAt: cancelled.updatedAt,
    });
  });

  it("cannot be made of a run that failed of nothing", () => {
    expect(() => toRunInfo(checkpoint({ status: "failed" }), 9)).toThrow("failed of nothing");
  });

  it("can be stored and read back in every status", () => {
    for (const status of ["running", "paused", "completed", "failed", "cancelled"] as const) {
      const info = toRunInfo(checkpoint({ status, finishedAt, failure, outputs: [null] }), 9);
      expect(RunInfoSchema.parse(JSON.parse(JSON.stringify(info)))).toEqual(info);
    }
  });

  it("is refused where its status does not go with its fields", () => {
    expect(RunInfoSchema.safeParse({ ...known, status: "failed", finishedAt }).success).toBe(false);
    expect(RunInfoSchema.safeParse({ ...known, status: "completed", finishedAt }).success).toBe(
      false,
    );
    expect(RunInfoSchema.safeParse({ ...known, status: "asleep" }).success).toBe(false);
  });
});

describe("metrics", () => {
  const counters = { items: 4, completed: 2, failed: 1, retries: 3, lost: 1 };
  const nodes = { charge: { completed: 2, failed: 1, retries: 3, totalMs: 12.5, maxMs: 7.25 } };

  it("are the figures of the checkpoint, with the time from start to end", () => {
    const stored = { charge: [2, 1, 3, 12.5, 7.25] as [number, number, number, number, number] };
    const done = checkpoint({ status: "completed", finishedAt, counters, nodes: stored });
    const metrics = toRunMetrics(done);
    expect(metrics).toEqual({
      runId: "r",
      workflow: "orders",
      status: "completed",
      ...counters,
      elapsedMs: 1_500,
      nodes,
    });
    expect(RunMetricsSchema.parse(JSON.parse(JSON.stringify(metrics)))).toEqual(metrics);
  });

  it("of a run that goes on count to the last change, and never below zero", () => {
    expect(toRunMetrics(checkpoint()).elapsedMs).toBe(10);
    const early = checkpoint({ updatedAt: "2025-12-31T00:00:00.000Z" });
    expect(toRunMetrics(early).elapsedMs).toBe(0);
  });
});

describe("history event", () => {
  it("spells out what a checkpoint keeps short", () => {
    const events = [
      [2, CREATED_MS, "run.started", null, null, null, "w1"],
      [3, CREATED_MS, "item.completed", 4, "charge", 2],
      [4, CREATED_MS, "run.paused", null, null, null, null],
    ] as Checkpoint["history"]["events"];
    const [event, other] = historyOf(checkpoint({ history: { next: 5, events } }), 2);
    expect(other).toMatchObject({ number: 4, kind: "run.paused", by: null });
    expect(event).toEqual({
      runId: "r",
      number: 3,
      at: "2026-01-01T00:00:00.000Z",
      kind: "item.completed",
      item: 4,
      node: "charge",
      attempt: 2,
      by: "w1",
    });
    expect(HistoryEventSchema.parse(event)).toEqual(event);
  });
});

describe("liveness", () => {
  it.each([
    [0, "alive"],
    [9_999, "alive"],
    [10_000, "stale"],
    [29_999, "stale"],
    [30_000, "dead"],
    [-5_000, "alive"],
  ] as const)("of a heartbeat %i ms old is %s", (age, expected) => {
    const heartbeat = { at: new Date(CREATED_MS - age).toISOString() };
    expect(livenessOf(heartbeat, CREATED_MS, 10_000)).toBe(expected);
    expect(livenessOf({ ...heartbeat, nextMs: 5_000 }, CREATED_MS, 10_000)).toBe(expected);
  });

  it.each([
    [29_999, "alive"],
    [30_000, "stale"],
    [89_999, "stale"],
    [90_000, "dead"],
  ] as const)("of a worker that said 20 s, %i ms ago, is %s", (age, expected) => {
    const heartbeat = { at: new Date(CREATED_MS - age).toISOString(), nextMs: 20_000 };
    expect(livenessOf(heartbeat, CREATED_MS, 10_000)).toBe(expected);
  });
});

describe("records", () => {
  it.each([
    [
      "work message",
      WorkMessageSchema,
      { v: 1, runId: "r", item: 1, turn: 0, revision: 0, version: 1, fingerprint: "f" },
      { item: 0 },
    ],
    [
      "dead letter",
      DeadLetterSchema,
      {
        id: 1,
        at: finishedAt,
        code: "c",
        reason: "r",
        subject: "s",
        workflow: "w",
        runId: null,
        body: "",
      },
      { runId: 7 },
    ],
    [
      "run error",
      RunErrorSchema,
      { runId: "r", workflow: "w", workerId: "w1", failure, retryAt: null },
      { failure: null },
    ],
    [
      "heartbeat",
      HeartbeatSchema,
      {
        workerId: "w1",
        host: "h",
        pid: 1,
        startedAt: finishedAt,
        at: finishedAt,
        status: "busy",
        concurrency: 2,
        running: 1,
        completed: 0,
        errors: 0,
        current: [{ runId: "r", item: 1, node: "n", attempt: 1, since: finishedAt }],
        workflows: [{ name: "w", version: 1, fingerprint: "f" }],
        load: { rssBytes: 1, eventLoopLagMs: 0 },
      },
      { status: "asleep" },
    ],
  ])(
    "of the kind %s let unknown keys pass and refuse what does not fit",
    (_, schema, record, wrong) => {
      const later = { ...record, later: { than: "this" } };
      expect(schema.parse(JSON.parse(JSON.stringify(later)))).toEqual(later);
      expect(schema.safeParse({ ...record, ...wrong }).success).toBe(false);
    },
  );
});

describe("revision and turn that a message names", () => {
  it("are read from its body", () => {
    const message = {
      v: 1,
      runId: "r",
      item: 1,
      turn: 3,
      revision: 7,
      version: 1,
      fingerprint: "f",
    };
    expect(namedIn(JSON.stringify(message))).toEqual({ revision: 7, turn: 3 });
  });

  it.each(["", "{", "{}", '{"revision":7}'])("are 0 and none where %j is no message", (body) => {
    expect(namedIn(body)).toEqual({ revision: 0, turn: null });
  });
});

describe("a list entry", () => {
  const going = infoOf("r", { revision: 4 });
  const ended = infoOf("r", { status: "completed", revision: 4 });

  it("says the same as a later checkpoint of a run that goes on", () => {
    expect(saysTheSame(going, { ...going, revision: 9 })).toBe(true);
    expect(saysTheSame(ended, ended)).toBe(true);
  });

  it.each([
    ["another status", ended, going],
    ["a larger revision", going, { ...going, revision: 3 }],
    ["another input", going, { ...going, inputHash: "other" }],
    ["an older end", ended, { ...ended, revision: 5 }],
  ])("does not say the same with %s", (_what, filed, now) => {
    expect(saysTheSame(filed, now)).toBe(false);
  });
});
