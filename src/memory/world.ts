import type { Checkpoint, RunStatus } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { StoredCheckpointSchema, toStoredText } from "../core/checkpoint/stored-form.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import { HeartbeatSchema, knownMs } from "../core/records/liveness.ts";
import type { RunMetrics } from "../core/records/metrics.ts";
import { RunMetricsSchema } from "../core/records/metrics.ts";
import type { RunError } from "../core/records/run-error.ts";
import { RunErrorSchema } from "../core/records/run-error.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { RunInfoSchema } from "../core/records/run-info.ts";
import { WholeContexts } from "../core/whole-contexts.ts";
import { Agenda } from "./agenda.ts";
import { MemoryContextStore } from "./context-store.ts";
import { MemoryControlBus } from "./control-bus.ts";
import type { DeadLetterTexts } from "./dead-letter-store.ts";
import { memoryDeadLetterStore } from "./dead-letter-store.ts";
import { Handle } from "./handle.ts";
import type { HistoryTexts } from "./history-store.ts";
import { MemoryHistoryStore } from "./history-store.ts";
import {
  memoryErrorStore,
  memoryLivenessStore,
  memoryMetricsStore,
  memoryValueStore,
  type ValueTexts,
} from "./keyed-stores.ts";
import type { MemoryOptions, ResolvedMemoryOptions } from "./options.ts";
import { resolveMemoryOptions } from "./options.ts";
import { MemoryRunInfoStore } from "./run-info-store.ts";
import type { Shared } from "./shared.ts";
import { Stream } from "./stream.ts";
import { Table, type TableOptions } from "./table.ts";
import { acceptStart, MemoryWorkQueue } from "./work-queue.ts";

/**
 * A server's worth of state in this process. Every backend that {@link open} gives sees the same, so several workers
 * and orchestrators can be tried together. Nothing outlives the process.
 */
export class MemoryWorld {
  readonly #options: ResolvedMemoryOptions;
  readonly #shared: Shared;
  readonly #tables: Tables;
  readonly #handles = new Set<Handle>();

  /** @throws FloxideError `definition` naming the option that does not fit */
  constructor(options: MemoryOptions = {}) {
    const resolved = resolveMemoryOptions(options);
    const { clock, ackWaitMs, duplicateWindowMs } = resolved;
    const agenda = new Agenda(clock);
    const expiries = new Agenda(clock);
    this.#options = resolved;
    this.#shared = {
      options: resolved,
      agenda,
      stream: new Stream({ clock, agenda, ackWaitMs, duplicateWindowMs, expiries }),
      expiries,
      controlListeners: new Set(),
      endedListeners: new Set(),
    };
    this.#tables = makeTables(resolved, expiries);
  }

  /** A backend on this world. Closing it closes neither the world nor its other backends. */
  open(): Backend {
    const handle = new Handle();
    this.#handles.add(handle);
    const { checkpoints, values, infos, metrics, errors, heartbeats, history, letters } =
      this.#tables;
    const valueStore = memoryValueStore(values, handle, this.#options);
    return {
      namespace: this.#options.namespace,
      maxValueBytes: this.#options.maxValueBytes,
      queue: new MemoryWorkQueue(this.#shared, handle),
      contexts: new WholeContexts(new MemoryContextStore(checkpoints, handle), valueStore),
      values: valueStore,
      runs: new MemoryRunInfoStore(infos, this.#shared, handle),
      metrics: memoryMetricsStore(metrics, handle),
      errors: memoryErrorStore(errors, handle),
      liveness: memoryLivenessStore(heartbeats, handle),
      history: new MemoryHistoryStore(history, this.#shared, handle),
      deadLetters: memoryDeadLetterStore(this.#shared, letters, handle),
      control: new MemoryControlBus(this.#shared, handle),
      // Stores in this process are always there.
      watchLost: () => () => {},
      watchAwake: () => () => {},
      close: async () => {
        handle.close();
        this.#handles.delete(handle);
      },
    };
  }

  /**
   * Publishes a start request as anybody could on a server, well-formed or not.
   *
   * @param messageId - makes it idempotent, and names the run where the body does not
   * @returns the position in the queue; `duplicate` where the id is there already
   * @throws FloxideError `payload_too_large` with both sizes
   */
  publishStart(
    workflow: string,
    body: string,
    messageId: string | null = null,
  ): { readonly seq: number; readonly duplicate: boolean } {
    return acceptStart(this.#shared, workflow, body, messageId, false);
  }

  /** Closes every backend that is still open. */
  async close(): Promise<void> {
    for (const handle of this.#handles) handle.close();
    this.#handles.clear();
  }
}

interface Tables {
  readonly checkpoints: Table<Checkpoint>;
  readonly values: ValueTexts;
  readonly infos: Table<RunInfo>;
  readonly metrics: Table<RunMetrics>;
  readonly errors: Table<RunError>;
  readonly heartbeats: Table<Heartbeat>;
  readonly history: HistoryTexts;
  readonly letters: DeadLetterTexts;
}

function makeTables(options: ResolvedMemoryOptions, expiries: Agenda): Tables {
  const { clock, maxValueBytes, retentionMs, livenessTtlMs } = options;
  const table = <T>(
    what: string,
    schema: TableOptions<T>["schema"],
    ttlMs: (value: T) => number | null,
    form: Pick<TableOptions<T>, "toText"> = {},
  ): Table<T> =>
    new Table({ what, schema, ttlMs, clock, agenda: expiries, maxValueBytes, ...form });
  const stored = { toText: toStoredText };
  const onceEnded = ({ status }: { readonly status: string }): number | null =>
    isTerminal(status as RunStatus) ? retentionMs : null;
  return {
    checkpoints: table("the checkpoint of run", StoredCheckpointSchema, onceEnded, stored),
    values: new Map(),
    infos: table("the info of run", RunInfoSchema, onceEnded),
    metrics: table("the metrics of run", RunMetricsSchema, onceEnded),
    errors: table("the error", RunErrorSchema, () => retentionMs),
    heartbeats: table("the heartbeat of worker", HeartbeatSchema, (heartbeat) =>
      knownMs(heartbeat, livenessTtlMs),
    ),
    history: new Map(),
    letters: { nextId: 1, texts: new Map() },
  };
}
