import { applyChanges } from "../../src/core/checkpoint/apply.ts";
import type { Change } from "../../src/core/checkpoint/change.ts";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { toStoredText } from "../../src/core/checkpoint/stored-form.ts";
import { toPatchText } from "../../src/core/checkpoint/stored-patch.ts";
import { toFailure } from "../../src/core/failure.ts";
import { historyOf } from "../../src/core/records/history-event.ts";
import { toRunMetrics } from "../../src/core/records/metrics.ts";
import { toRunInfo } from "../../src/core/records/run-info.ts";

// Records that are right, made by the code that makes them, so that what is spoilt is near to what is stored.

export const NOW = 1_700_000_000_000;
const SITE = { node: "work", item: 1, attempt: 1, now: NOW };
export const FAILURE = toFailure(new Error("it broke"), SITE);

/** The checkpoint after some more changes. */
function changed(checkpoint: Checkpoint, ...changes: readonly Change[]): Checkpoint {
  return applyChanges(checkpoint, changes, {
    now: NOW,
    by: "w1",
    commit: "c",
    merge: (context, delta) => ({ ...context, ...delta }),
  }).checkpoint;
}

const accepted = newCheckpoint(
  {
    runId: "r",
    workflow: "flow",
    version: 1,
    fingerprint: "f",
    inputHash: "h",
    startSeq: 7,
    context: { notes: [] },
    createdAt: NOW,
  },
  NOW,
);
const begun = changed(accepted, {
  type: "start",
  node: "fan",
  input: [1, 2],
  fingerprint: "f",
  version: 1,
  startSeq: 7,
  inputHash: "h",
  context: { notes: [] },
});
const forked = changed(begun, {
  type: "complete",
  item: 1,
  turn: 0,
  carrier: 0,
  ms: 1.5,
  delta: { notes: ["a"] },
  routed: {
    forks: true,
    successors: [
      { type: "item", node: "work", input: 1 },
      { type: "item", node: "work", input: 2 },
      { type: "join", node: "sum", value: 3 },
    ],
    emptyJoins: ["sum"],
  },
});
const waiting = changed(
  forked,
  {
    type: "hold",
    item: 2,
    turn: 0,
    carrier: 0,
    ms: 1,
    delta: null,
    for: "go",
    untilMs: NOW + 5_000,
  },
  {
    type: "retry",
    item: 3,
    turn: 0,
    carrier: 0,
    ms: 1,
    failure: FAILURE,
    notBeforeMs: NOW + 100,
    deliveries: 1,
  },
);
const failed = changed(forked, {
  type: "fail",
  item: 2,
  turn: 0,
  carrier: 0,
  ms: 1,
  failure: FAILURE,
});
const signalled = changed(waiting, {
  type: "signal",
  id: "s1",
  name: "early",
  payload: { ok: true },
});
const completed = changed(begun, {
  type: "complete",
  item: 1,
  turn: 0,
  carrier: 0,
  ms: 1,
  delta: null,
  routed: { forks: false, successors: [{ type: "end", value: "done" }], emptyJoins: [] },
});
const cancelled = changed(waiting, { type: "cancel" });
const paused = changed(signalled, { type: "pause" });

export const CHECKPOINTS: readonly Checkpoint[] = [
  accepted,
  begun,
  forked,
  waiting,
  failed,
  signalled,
  completed,
  cancelled,
  paused,
];

/** As they are stored. */
export const STORED_CHECKPOINTS = CHECKPOINTS.map(
  (one) => JSON.parse(toStoredText(one)) as unknown,
);

/** Checkpoints, and what a patch that follows each of them leads to. */
export const STEPS: readonly (readonly [before: Checkpoint, after: Checkpoint])[] = [
  [accepted, begun],
  [begun, forked],
  [forked, waiting],
  [waiting, signalled],
  [begun, completed],
  [forked, failed],
];
/** Revision of the whole checkpoint that patches build on. */
export const WHOLE = 7;
/** As they are stored. */
export const STORED_PATCHES = STEPS.map(
  ([before, after]) => JSON.parse(toPatchText(before, { ...after, commit: "d" }, WHOLE)) as unknown,
);

export const RUN_INFOS = CHECKPOINTS.map((checkpoint) => toRunInfo(checkpoint, 5));
export const METRICS = CHECKPOINTS.map(toRunMetrics);
export const EVENTS = CHECKPOINTS.map((checkpoint) => historyOf(checkpoint));

export const RUN_ERRORS = [
  {
    runId: "r",
    workflow: "flow",
    workerId: "w1",
    failure: FAILURE,
    retryAt: new Date(NOW).toISOString(),
  },
  { runId: "r", workflow: "flow", workerId: "w1", failure: FAILURE, retryAt: null },
];

export const HEARTBEATS = [
  {
    workerId: "w1",
    host: "h",
    pid: 1,
    startedAt: new Date(NOW).toISOString(),
    at: new Date(NOW).toISOString(),
    status: "busy",
    concurrency: 16,
    running: 1,
    completed: 2,
    errors: 0,
    current: [
      { runId: "r", item: 1, node: "work", attempt: 1, since: new Date(NOW).toISOString() },
    ],
    workflows: [{ name: "flow", version: 1, fingerprint: "f" }],
    load: { rssBytes: 1_000_000, eventLoopLagMs: 0.5 },
  },
];

export const DEAD_LETTERS = [
  {
    id: 3,
    at: new Date(NOW).toISOString(),
    code: "validation",
    reason: "no",
    subject: "floxide.start.flow",
    workflow: "flow",
    runId: null,
    body: "{",
  },
];

export const WORK_MESSAGES = [
  { v: 1, runId: "r", item: 1, turn: 0, revision: 3, version: 1, fingerprint: "f" },
  { v: 2, runId: "r", item: 1, turn: 0, revision: 3, version: 1, fingerprint: "f", more: [] },
];

export const START_BODIES = [
  { input: null },
  { input: { n: 1 }, runId: "r-1" },
  { input: [1, 2, 3], context: { notes: ["a"], count: 2 }, runId: "r-2", version: 1 },
  { input: "text", context: {} },
];

export const COMMANDS = [
  { type: "cancel", runId: "r", revision: 4 },
  { type: "pause", runId: "r", revision: 4 },
];
