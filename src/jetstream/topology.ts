import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import type { Names, Table } from "./names.ts";
import type { ResolvedJetStreamOptions } from "./options.ts";

// Streams and buckets, as data. Every bound of what is kept is here:
//   work        nothing but the account's and the server's JetStream limits, refused at the door (see below)
//   context     one entry a run, and of one that moves some older ones; ended runs expire by message TTL
//   runs        one entry a run, as context         metrics  as context         errors  as context
//   liveness    one entry a worker; every put has a TTL
//   history     age, and bytes where wanted         dead     age and bytes

const DAY_MS = 24 * 60 * 60 * 1000;
const HISTORY_RETENTION_MS = 7 * DAY_MS;
const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;
const DEAD_LETTER_BYTES = 64 * 1024 * 1024;
/**
 * How long the server knows the ids of messages. Longer than a leader's election with the time-out of a request before it, so
 * that what is sent again because its answer was lost is known; each id takes the server some 280 bytes for so long.
 */
const DUPLICATE_WINDOW_MS = 30 * 1000;

/** Where the work stream says how many partitions the system has that it belongs to. */
const PARTITIONS = "floxide-partitions";

type Config = Partial<StreamConfig>;

/** A stream as it should be. */
export interface StreamPlan {
  readonly name: string;
  /** Must be so: a stream that has it otherwise cannot be used and cannot be changed. */
  readonly fixed: Config;
  /** Is made so where it is otherwise. */
  readonly kept: Config;
  /** Is made so where the options ask for it; what exists keeps its own where they do not. */
  readonly asked: Config;
  /** For what none of the above says when the stream is created. */
  readonly initial: Config;
}

const TABLES: Readonly<Record<Table, string>> = {
  context: "floxide: checkpoints, one entry a run",
  values: "floxide: inputs and results of wide forks",
  runs: "floxide: what lists know of runs",
  metrics: "floxide: figures of runs",
  errors: "floxide: failed attempts",
  liveness: "floxide: heartbeats of workers",
};

/** All streams of a namespace. */
export function topologyOf(names: Names, options: ResolvedJetStreamOptions): StreamPlan[] {
  const tables = Object.entries(TABLES) as [Table, string][];
  return [
    workStream(names, options),
    ...tables.map(([table, description]) => bucket(names, table, description, options)),
    historyStream(names, options),
    deadStream(names, options),
  ];
}

/**
 * No limit of its own in messages, bytes or age: with `discard: old`, which message schedules demand, a limit would drop
 * accepted work without a word. No limit per subject, and nobody publishes a rollup (which the server allows wherever it
 * allows schedules): both make an explicit-ack consumer forget messages of other subjects that are in workers' hands
 * (nats-server 2.15, issue 5727).
 */
function workStream(names: Names, options: ResolvedJetStreamOptions): StreamPlan {
  const { partitions } = options;
  return {
    name: names.workStream,
    fixed: {
      retention: RetentionPolicy.Workqueue,
      subjects: [names.workAll, names.startAll, names.schedAll],
      ...storage(options),
    },
    kept: {
      discard: DiscardPolicy.Old,
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      allow_direct: true,
      max_msgs_per_subject: -1,
      max_msgs: -1,
      max_bytes: -1,
      max_age: 0,
    },
    asked: replicas(options),
    initial: {
      description: "floxide: work items and start requests",
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      ...(partitions === undefined ? {} : { metadata: { [PARTITIONS]: String(partitions) } }),
    },
  };
}

/**
 * Refuses a namespace that is one of another number of partitions: ids of runs lead elsewhere there.
 *
 * @param found - the work stream; one of a system that was made without partitions says nothing
 * @throws FloxideError `definition`
 */
export function checkPartitionsOf(
  { metadata }: Pick<StreamConfig, "metadata">,
  { namespace, partitions }: Pick<ResolvedJetStreamOptions, "namespace" | "partitions">,
): void {
  const found = metadata?.[PARTITIONS];
  if (partitions === undefined || found === undefined || found === String(partitions)) return;
  throw new FloxideError(
    "definition",
    `"${namespace}" belongs to a system of ${found} partitions, not of ${partitions}: ids of runs lead elsewhere there`,
    { details: { namespace, found: Number(found), wanted: partitions } },
  );
}

/**
 * Two messages a key and rollups: see `kv-table.ts`. Checkpoints have no limit a key, but few writes without a rollup in a
 * row. `discard: new` refuses a write where a limit is reached.
 */
function bucket(
  names: Names,
  table: Table,
  description: string,
  options: ResolvedJetStreamOptions,
): StreamPlan {
  return {
    name: names.bucketStream(table),
    fixed: {
      retention: RetentionPolicy.Limits,
      subjects: [`${names.bucketPrefix(table)}>`],
      ...storage(options),
    },
    kept: {
      discard: DiscardPolicy.New,
      max_msgs_per_subject: table === "context" ? -1 : 2,
      allow_rollup_hdrs: true,
      allow_direct: true,
      allow_msg_ttl: true,
      max_age: 0,
    },
    asked: replicas(options),
    initial: { description },
  };
}

function historyStream(names: Names, options: ResolvedJetStreamOptions): StreamPlan {
  const { historyRetentionMs, historyMaxBytes } = options;
  return log(names.historyStream, names.historyAll, options, {
    description: "floxide: events of runs",
    ageMs: historyRetentionMs,
    initialAgeMs: HISTORY_RETENTION_MS,
    bytes: historyMaxBytes,
    initialBytes: -1,
  });
}

function deadStream(names: Names, options: ResolvedJetStreamOptions): StreamPlan {
  const { deadLetterRetentionMs, deadLetterMaxBytes } = options;
  return log(names.deadStream, names.deadAll, options, {
    description: "floxide: messages that could not be taken",
    ageMs: deadLetterRetentionMs,
    initialAgeMs: DEAD_LETTER_RETENTION_MS,
    bytes: deadLetterMaxBytes,
    initialBytes: DEAD_LETTER_BYTES,
  });
}

interface LogBounds {
  readonly description: string;
  readonly ageMs: number | undefined;
  readonly initialAgeMs: number;
  readonly bytes: number | undefined;
  readonly initialBytes: number;
}

function log(
  name: string,
  subject: string,
  options: ResolvedJetStreamOptions,
  bounds: LogBounds,
): StreamPlan {
  return {
    name,
    fixed: { retention: RetentionPolicy.Limits, subjects: [subject], ...storage(options) },
    kept: { discard: DiscardPolicy.Old, allow_direct: true, max_msgs_per_subject: -1 },
    asked: {
      ...replicas(options),
      ...(bounds.ageMs === undefined ? {} : ageOf(bounds.ageMs)),
      ...(bounds.bytes === undefined ? {} : { max_bytes: bounds.bytes }),
    },
    initial: {
      description: bounds.description,
      max_bytes: bounds.initialBytes,
      ...ageOf(bounds.initialAgeMs),
    },
  };
}

/** The server refuses a duplicate window that is longer than messages live. */
function ageOf(ms: number): Config {
  const window = Math.min(DUPLICATE_WINDOW_MS, ms);
  return { max_age: nanos(ms), duplicate_window: nanos(window) };
}

function storage(options: ResolvedJetStreamOptions): Config {
  if (options.storage === undefined) return {};
  return { storage: options.storage === "memory" ? StorageType.Memory : StorageType.File };
}

function replicas(options: ResolvedJetStreamOptions): Config {
  return options.replicas === undefined ? {} : { num_replicas: options.replicas };
}
