import fc from "fast-check";
import { z } from "zod";
import { applyChanges } from "../../../src/core/checkpoint/apply.ts";
import type { Change } from "../../../src/core/checkpoint/change.ts";
import {
  type Checkpoint,
  CheckpointSchema,
  isTerminal,
  outputOf,
} from "../../../src/core/checkpoint/checkpoint.ts";
import { carriedBy, dueMs, itemState } from "../../../src/core/checkpoint/inspect.ts";
import { fromStoredText, toStoredText } from "../../../src/core/checkpoint/stored-form.ts";
import { DeadLetterSchema } from "../../../src/core/records/dead-letter.ts";
import { HistoryEventSchema, historyOf } from "../../../src/core/records/history-event.ts";
import { HeartbeatSchema, livenessOf } from "../../../src/core/records/liveness.ts";
import { RunMetricsSchema, toRunMetrics } from "../../../src/core/records/metrics.ts";
import { RunErrorSchema } from "../../../src/core/records/run-error.ts";
import { RunInfoSchema, toRunInfo } from "../../../src/core/records/run-info.ts";
import { WorkMessageSchema } from "../../../src/core/records/work-message.ts";
import { decodeEntry } from "../../../src/jetstream/kv-table.ts";
import { unbegun } from "../../../src/orchestrator/find-run.ts";
import {
  CHECKPOINTS,
  DEAD_LETTERS,
  EVENTS,
  FAILURE,
  HEARTBEATS,
  METRICS,
  NOW,
  RUN_ERRORS,
  RUN_INFOS,
  WORK_MESSAGES,
} from "../corpus.ts";
import { demand, door, judged } from "../door.ts";
import { bodies } from "../hostile.ts";

/** Counts so near the largest that one more is no count. No run comes near. */
const HUGE = 1e15;

function holdsHuge(value: unknown): boolean {
  if (typeof value === "number") return Math.abs(value) > HUGE;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsHuge);
}

const CONTROL: readonly Change[] = [
  { type: "pause" },
  { type: "resume" },
  { type: "cancel" },
  { type: "signal", id: "x", name: "go", payload: null },
  { type: "handed-over", items: [1, 2, 3].map((id) => ({ id, turn: 0 })) },
  { type: "history-kept", upTo: 2 },
];

const ENV = {
  now: NOW,
  by: "w1",
  commit: "c",
  merge: (context: Checkpoint["context"]) => context,
};

/** What workers do to an item. A checkpoint whose parts do not fit each other may refuse: then the item fails. */
function changesOf(id: number, turn: number): Change[] {
  const answer = { item: id, turn, carrier: 0, ms: 1 };
  return [
    {
      ...answer,
      type: "complete",
      delta: null,
      routed: {
        forks: true,
        successors: [{ type: "join", node: "sum", value: 1 }],
        emptyJoins: [],
      },
    },
    { ...answer, type: "hold", delta: null, for: "go", untilMs: null },
    { ...answer, type: "retry", failure: FAILURE, notBeforeMs: NOW, deliveries: 1 },
    { ...answer, type: "try" },
    { ...answer, type: "wake" },
  ];
}

/** That whatever can be done with a checkpoint can be done with this one. */
export function useCheckpoint(checkpoint: Checkpoint): void {
  const info = toRunInfo(checkpoint, 1);
  RunInfoSchema.parse(JSON.parse(JSON.stringify(info)));
  RunMetricsSchema.parse(JSON.parse(JSON.stringify(toRunMetrics(checkpoint))));
  historyOf(checkpoint);
  demand(outputOf(checkpoint) !== undefined, "an output is missing");
  for (const [key, item] of Object.entries(checkpoint.items)) {
    demand(Number.isSafeInteger(Number(key)), "an item has no number");
    demand(!Number.isNaN(dueMs(item)), "an item is due at no time");
    itemState(item, NOW);
    carriedBy(checkpoint, Number(key), item.turn);
  }
  if (holdsHuge(checkpoint)) return;
  for (const change of CONTROL) readsBack(applyChanges(checkpoint, [change], ENV).checkpoint);
  const [first] = Object.entries(checkpoint.items);
  if (first === undefined || isTerminal(checkpoint.status)) return;
  const [id, turn] = [Number(first[0]), first[1].turn];
  for (const change of changesOf(id, turn)) readsBack(attempted(checkpoint, change));
  // Whatever is wrong with its parts: the item, and with it the run, can be failed.
  readsBack(
    applyChanges(
      checkpoint,
      [{ item: id, turn, carrier: 0, ms: 1, type: "fail", failure: FAILURE }],
      ENV,
    ).checkpoint,
  );
}

function attempted(checkpoint: Checkpoint, change: Change): Checkpoint {
  try {
    return applyChanges(checkpoint, [change], ENV).checkpoint;
  } catch (error) {
    demand(
      error instanceof Error && /fork \d+ is not open/.test(error.message),
      `a change throws: ${String(error)}`,
    );
    return checkpoint;
  }
}

/** What is written can be read. */
function readsBack(checkpoint: Checkpoint): void {
  CheckpointSchema.parse(fromStoredText(toStoredText(checkpoint)));
}

interface Kind {
  readonly schema: z.ZodType;
  readonly corpus: readonly unknown[];
  readonly use: (record: never) => void;
}

const kind = <T>(
  schema: z.ZodType<T>,
  corpus: readonly unknown[],
  use: (record: T) => void,
): Kind => ({ schema, corpus, use });
const nothing = (): void => {};

const KINDS: Readonly<Record<string, Kind>> = {
  checkpoint: kind(CheckpointSchema, CHECKPOINTS, useCheckpoint),
  "run-info": kind(RunInfoSchema, RUN_INFOS, (info) => {
    readsBack(unbegun(info, NOW));
  }),
  metrics: kind(RunMetricsSchema, METRICS, nothing),
  error: kind(RunErrorSchema, RUN_ERRORS, nothing),
  heartbeat: kind(HeartbeatSchema, HEARTBEATS, (heartbeat) => {
    demand(!Number.isNaN(NOW - Date.parse(heartbeat.at)), "a heartbeat has no age");
    livenessOf(heartbeat, NOW, 1_000);
  }),
  history: kind(z.array(HistoryEventSchema), EVENTS, nothing),
  "dead-letter": kind(DeadLetterSchema, DEAD_LETTERS, nothing),
  work: kind(WorkMessageSchema, WORK_MESSAGES, nothing),
};

const cases = fc
  .constantFrom(...Object.keys(KINDS), "checkpoint", "checkpoint")
  .chain((name) => fc.record({ name: fc.constant(name), body: bodies(KINDS[name]?.corpus ?? []) }));

/** Stored records, also such as an older or a newer release may have written. */
export const records = door({
  name: "records",
  summary:
    "stored records: checkpoints, infos, metrics, errors, heartbeats, history, dead letters, work messages",
  few: 1_000,
  cases,
  open: () => ({
    attempt: ({ name, body }) =>
      judged(() => {
        const { schema, use } = KINDS[name] as Kind;
        const record = decodeEntry(
          schema,
          { key: "k", body, revision: 1, writtenAt: NOW },
          "a record",
        );
        demand(
          Object.getPrototypeOf(record) === Object.prototype || Array.isArray(record),
          "a record has a prototype of its own",
        );
        use(record as never);
      }),
  }),
});
