import type { Checkpoint, RunStatus } from "../../src/core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import type { Failure } from "../../src/core/failure.ts";
import type { HistoryEvent } from "../../src/core/records/history-event.ts";
import type { Heartbeat } from "../../src/core/records/liveness.ts";
import type { RunMetrics } from "../../src/core/records/metrics.ts";
import type { RunError } from "../../src/core/records/run-error.ts";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import type { StartRequest } from "../../src/core/records/start-request.ts";
import type { QueuedItem } from "../../src/core/records/work-message.ts";

/** Run ids that are hard on subjects, keys and headers, and that must not be taken for one another. */
export const ODD_IDS = [
  "with space",
  " edges ",
  "a.b.c",
  "a.b",
  "a..",
  ".",
  "*",
  ">",
  "a.*",
  "a.>",
  "a/b",
  "r/1/0/0",
  "r.1.0.0",
  "a=2Eb",
  "=",
  "$KV",
  "_",
  "-",
  "ünïcödé-☃",
  "🦀",
  '"quoted"',
  "line\nbreak",
  "tab\there",
  "nul\u0000",
  "\uFEFFmarked",
  "fx:start.r",
  "CamelCase",
  "camelcase",
  "x".repeat(128),
  "☃".repeat(42),
] as const;

const CREATED_MS = Date.UTC(2026, 2, 1, 12);

/** A stored time, so many milliseconds after the runs here were created. */
export const at = (ms: number): string => new Date(CREATED_MS + ms).toISOString();

/** A checkpoint of a run of which nothing has happened yet. */
export function checkpointOf(runId: string, more: Partial<Checkpoint> = {}): Checkpoint {
  const run = {
    runId,
    workflow: "orders",
    version: 1,
    fingerprint: "f",
    inputHash: "h",
    startSeq: 1,
    context: { total: 0 },
    createdAt: CREATED_MS,
  };
  return { ...newCheckpoint(run, CREATED_MS), ...more };
}

const failure: Failure = {
  kind: "error",
  name: "TypeError",
  message: "it is broken",
  fatal: false,
  stack: null,
  node: "charge",
  item: 1,
  attempt: 1,
  at: at(0),
};

/** What tells one run info from another. */
interface InfoOptions {
  readonly status?: RunStatus;
  readonly workflow?: string;
  readonly createdAt?: string;
  readonly revision?: number;
}

/** What lists show of a run. */
export function infoOf(runId: string, options: InfoOptions = {}): RunInfo {
  const { status = "running", workflow = "orders", createdAt = at(0), revision = 0 } = options;
  const known = { runId, workflow, version: 1, createdAt, inputHash: "h", revision };
  switch (status) {
    case "completed":
      return { ...known, status, finishedAt: at(1_000), output: { total: 3 } };
    case "failed":
      return { ...known, status, finishedAt: at(1_000), failure };
    case "cancelled":
      return { ...known, status, finishedAt: at(1_000) };
    default:
      return { ...known, status };
  }
}

/** Figures of a run. */
export function metricsOf(runId: string, completed = 1): RunMetrics {
  return {
    runId,
    workflow: "orders",
    status: "running",
    items: 3,
    completed,
    failed: 0,
    retries: 1,
    lost: 0,
    elapsedMs: 12.5,
    nodes: { charge: { completed, failed: 0, retries: 1, totalMs: 10.25, maxMs: 7.5 } },
  };
}

/** A failed attempt, some milliseconds after the run was created. */
export function errorOf(runId: string, item: number, attempt: number, ms = 0): RunError {
  return {
    runId,
    workflow: "orders",
    workerId: "w1",
    failure: { ...failure, item, attempt, at: at(ms) },
    retryAt: null,
  };
}

/** What a worker says of itself now. */
export function heartbeatOf(workerId: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    workerId,
    host: "here",
    pid: 7,
    startedAt: at(0),
    at: new Date().toISOString(),
    status: "idle",
    concurrency: 4,
    running: 0,
    completed: 0,
    errors: 0,
    current: [],
    workflows: [{ name: "orders", version: 1, fingerprint: "f" }],
    load: { rssBytes: 1_000, eventLoopLagMs: 0.5 },
    ...more,
  };
}

/** Something that happened to a run. */
export function eventOf(runId: string, number: number): HistoryEvent {
  return {
    runId,
    number,
    at: at(number),
    kind: "item.completed",
    item: number,
    node: "charge",
    attempt: 1,
    by: "w1",
  };
}

/** A request to start a run of `orders`. */
export function requestOf(runId: string, more: Partial<StartRequest> = {}): StartRequest {
  return { workflow: "orders", runId, input: { order: 7 }, context: {}, version: null, ...more };
}

/** An item of a run of `orders`, ready to be queued. */
export function itemOf(runId: string, item: number, more: Partial<QueuedItem> = {}): QueuedItem {
  return {
    v: 1,
    workflow: "orders",
    runId,
    item,
    revision: 3,
    version: 1,
    fingerprint: "f",
    epoch: 0,
    salt: "",
    turn: 0,
    ...more,
  };
}
