import { z } from "zod";
import { FailureSchema } from "../failure.ts";
import type { Json } from "../json.ts";
import { TimeMsSchema, TimeSchema } from "../time.ts";
import { isRunId, SAFE_NAME } from "../token.ts";

// The one entry that is the truth about a run. It is written often, whole or in part, so what is not there is left out
// instead of written as null, and ids are small integers.

const JsonValue = z.custom<Json>((value) => value !== undefined);
const Count = z.number().int().nonnegative();
/** Key of an item or a fork: its id. */
const Id = z.string().regex(/^\d{1,15}$/);

/** Which branch of which fork an item belongs to. */
const ScopeSchema = z.object({ fork: Count, index: Count });
export type Scope = z.infer<typeof ScopeSchema>;

/** Why an item runs again after a hold. */
const WakeSchema = z.union([
  z.object({ type: z.literal("signal"), name: z.string(), payload: JsonValue }),
  z.object({ type: z.literal("timeout"), name: z.string().nullable() }),
]);

/** A work item that has not ended. */
const ItemSchema = z.looseObject({
  node: z.string(),
  input: JsonValue,
  /** Attempt that runs next or now, from 1. */
  attempt: z.number().int().positive(),
  /** Goes up whenever the item changes what it waits for. What was executed on an older turn is thrown away. */
  turn: Count,
  /** Id of the item whose message still vouches for this one; absent where the item has a message of its own. */
  carrier: Count.optional(),
  scope: ScopeSchema.optional(),
  /** Not to run before this time: a retry that waits. */
  notBefore: TimeSchema.optional(),
  /** Waits for a signal (`for`), a time (`until`), or whichever comes first. */
  hold: z
    .object({ for: z.string().nullable(), until: TimeSchema.nullable(), since: z.string() })
    .optional(),
  wake: WakeSchema.optional(),
  /** How the last attempt failed. */
  failure: FailureSchema.optional(),
  /** Set before an item whose message came again is executed: found set by the next delivery, that was lost too. */
  trying: z.boolean().optional(),
  /** Executions that were written down as `trying` and never heard of again, in a row. */
  lost: Count.optional(),
  /** Deliveries of its message up to which everything is accounted for: the next is expected. */
  deliveries: Count.optional(),
  /** True for the item that failed the run. `resume` begins with it. */
  failed: z.boolean().optional(),
  /** Branch of a wide fork: its input is in this chunk of the fork's inputs, at this place. `input` is null. */
  from: z.tuple([Count, Count]).optional(),
  /**
   * Join of a wide fork: keys of the chunks with what it collected, beside what is in `input`. Both are pairs of branch
   * index and value, as they arrived.
   */
  kept: z.array(z.string()).optional(),
  /** Executes no node: opens the branches of its wide fork, chunk by chunk. */
  opens: z.boolean().optional(),
});
export type Item = z.infer<typeof ItemSchema>;

/** Branches of a wide fork, of which only some are open at a time. */
const RestSchema = z.object({
  /** What the keys of the chunks begin with. */
  key: z.string(),
  chunks: Count,
  /** Chunk that is opened next. */
  next: Count,
  /** Successors in the chunks before that. */
  opened: Count,
  /** So few live branches let the next chunk be opened. */
  low: Count,
  /** The item that opens them. */
  opener: Count,
});

/** A fan-out that has not ended: what its branches brought to joins so far. */
const ForkSchema = z.looseObject({
  /** Node that opened it. */
  node: z.string(),
  parent: ScopeSchema.optional(),
  /** Items and inner forks that still run in it. At zero it closes. */
  live: Count,
  /** By join target: branch index and value, as they arrived. */
  joins: z.record(z.string(), z.array(z.tuple([Count, JsonValue]))),
  emptyJoins: z.array(z.string()),
  /** Of a wide fork: the inputs of its branches, in chunks outside the checkpoint. */
  rest: RestSchema.optional(),
  /** By join target: keys of chunks outside the checkpoint with what branches brought before what is in `joins`. */
  kept: z.record(z.string(), z.array(z.string())).optional(),
});
export type Fork = z.infer<typeof ForkSchema>;

/** Figures of one node within one run: completed, failed, retries, milliseconds of execution in all, and of the longest. */
const NodeFiguresSchema = z.tuple([
  Count,
  Count,
  Count,
  z.number().nonnegative(),
  z.number().nonnegative(),
]);
export type NodeFigures = z.infer<typeof NodeFiguresSchema>;

/** Places in {@link NodeFigures}. */
export const FIGURE = { completed: 0, failed: 1, retries: 2, totalMs: 3, maxMs: 4 } as const;

const CountersSchema = z.looseObject({
  /** Work items that came to be. */
  items: Count,
  completed: Count,
  /** Items that failed for good: to `onError` or to the run's end. One that fails again after a resume counts again. */
  failed: Count,
  retries: Count,
  /** Executions lost with their worker. */
  lost: Count,
});

/**
 * `[number, time in ms, kind, item, node, attempt]`, and the worker or orchestrator where that is another than of the
 * event before. Numbers count from 1 without gaps.
 */
const StoredEventSchema = z
  .tuple([
    Count,
    TimeMsSchema,
    z.string(),
    Count.nullable(),
    z.string().nullable(),
    Count.nullable(),
  ])
  .rest(z.string().nullable());
export type StoredEvent = z.infer<typeof StoredEventSchema>;

export const RUN_STATUSES = ["running", "paused", "completed", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
/** True for the statuses that a run keeps: only `resume` of a failed run leaves one. */
export const isTerminal = (status: RunStatus): boolean =>
  status !== "running" && status !== "paused";

/** True for the statuses that a run never leaves: a failed one may be resumed. */
export const isFinal = (status: RunStatus): boolean => isTerminal(status) && status !== "failed";

/** What is wrong where {@link saysOfWhat} is not so. */
export const FAILED_OF_NOTHING = "must say of what the run failed";

/** True for all but a run that has failed of nothing: the one thing that no single field of a checkpoint tells. */
export function saysOfWhat({
  status,
  failure,
}: {
  readonly status: RunStatus;
  readonly failure?: unknown;
}): boolean {
  return status !== "failed" || failure !== undefined;
}

export const CheckpointSchema = z
  .looseObject({
    /** Version of this form. A reader refuses a larger one. */
    v: z.literal(1),
    runId: z.string().refine(isRunId),
    workflow: z.string().regex(SAFE_NAME),
    version: Count,
    /** Hash of the graph that the run follows; empty until a worker has begun it. */
    fingerprint: z.string(),
    status: z.enum(RUN_STATUSES),
    createdAt: TimeSchema,
    updatedAt: TimeSchema,
    finishedAt: TimeSchema.optional(),
    /** False where a command came before any worker took the start request. */
    started: z.boolean(),
    /** Stream sequence of the start request that began the run. Another request of the same run is a repetition. */
    startSeq: Count,
    inputHash: z.string(),
    context: z.record(z.string(), JsonValue),
    /** Goes up whenever the context changes. */
    contextVersion: Count,
    /**
     * Fields of the context that are stored elsewhere: key and bytes of the value. In `context` they are missing where the
     * checkpoint is stored, and there where it is read. One of a run that has ended has its fields itself, but for those
     * that are lost.
     */
    contextKept: z.record(z.string(), z.tuple([z.string(), Count])).optional(),
    items: z.record(Id, ItemSchema),
    nextItem: z.number().int().positive(),
    /** Turn that new items begin on; absent for 0. Raised when the stores came back older than they were. */
    firstTurn: Count.optional(),
    forks: z.record(Id, ForkSchema),
    nextFork: z.number().int().positive(),
    /** What ends of the graph gave, in the order of their commits. */
    outputs: z.array(JsonValue),
    failure: FailureSchema.optional(),
    /** Signals that came before anything waited for them, oldest first. */
    signals: z.array(z.object({ name: z.string(), payload: JsonValue })),
    /** Ids of the last signals taken, so that a repeated call counts once. */
    signalIds: z.array(z.string()),
    counters: CountersSchema,
    nodes: z.record(z.string(), NodeFiguresSchema),
    /** Goes up with each resume: part of the message ids, so that a re-queued item is not taken for a repetition. */
    epoch: Count,
    /** Unique to each write: tells a writer whose answer was lost whether the write is its own. */
    commit: z.string(),
    /** True once values of the run were kept outside its checkpoint. */
    outside: z.boolean().optional(),
    /** Events not yet known to be in the history stream, and the number of the next. */
    history: z.object({ next: z.number().int().positive(), events: z.array(StoredEventSchema) }),
  })
  .refine(saysOfWhat, { error: FAILED_OF_NOTHING, path: ["failure"] });
export type Checkpoint = z.infer<typeof CheckpointSchema>;

/** True for the error of a read that met a checkpoint which a newer release has written. */
export function isOfNewerForm(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof z.ZodError && cause.issues.some(({ path }) => path[0] === "v");
}

/**
 * True for a run whose start request was lost before it began, or with all that came of it. A request for it that comes
 * after all begins it.
 */
export const isGivenUp = ({ status, started }: Checkpoint): boolean =>
  status === "failed" && !started;

/** Item id that stands for the start request itself. Items count from 1. */
export const START_CARRIER = 0;

/** What a new run is made of. */
export interface NewRun {
  readonly runId: string;
  readonly workflow: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly inputHash: string;
  readonly startSeq: number;
  readonly context: Record<string, Json>;
  /** Milliseconds since the epoch at which the start request was accepted. */
  readonly createdAt: number;
}

/** A run of which nothing has happened yet. */
export function newCheckpoint(run: NewRun, now: number): Checkpoint {
  return {
    v: 1,
    runId: run.runId,
    workflow: run.workflow,
    version: run.version,
    fingerprint: run.fingerprint,
    status: "running",
    createdAt: new Date(run.createdAt).toISOString(),
    updatedAt: new Date(now).toISOString(),
    started: false,
    startSeq: run.startSeq,
    inputHash: run.inputHash,
    context: run.context,
    contextVersion: 0,
    items: {},
    nextItem: 1,
    forks: {},
    nextFork: 1,
    outputs: [],
    signals: [],
    signalIds: [],
    counters: { items: 0, completed: 0, failed: 0, retries: 0, lost: 0 },
    nodes: {},
    epoch: 0,
    commit: "",
    history: { next: 1, events: [] },
  };
}

/** The output of a completed run: what the end that was reached last gave. */
export function outputOf(checkpoint: Checkpoint): Json {
  return checkpoint.outputs.at(-1) ?? null;
}
