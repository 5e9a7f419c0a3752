import type { ControlBus } from "./control-bus.ts";
import type {
  ContextStore,
  DeadLetterStore,
  ErrorStore,
  HistoryStore,
  LivenessStore,
  MetricsStore,
  RunInfoStore,
  ValueStore,
} from "./stores.ts";
import type { WorkQueue } from "./work-queue.ts";

/** All that orchestrator and workers need of the outside: one adapter, opened for one namespace. */
export interface Backend {
  readonly namespace: string;
  readonly queue: WorkQueue;
  readonly contexts: ContextStore;
  readonly values: ValueStore;
  readonly runs: RunInfoStore;
  readonly metrics: MetricsStore;
  readonly errors: ErrorStore;
  readonly liveness: LivenessStore;
  readonly history: HistoryStore;
  readonly deadLetters: DeadLetterStore;
  readonly control: ControlBus;
  /** Largest value that can be stored or sent, in bytes. */
  readonly maxValueBytes: number;
  /**
   * Calls back whenever the stores could not be reached for a while: they may come back older than they were.
   *
   * @returns how to stop
   */
  watchLost(onLost: () => void): () => void;
  /**
   * Calls whenever the process is awake for the upkeep of the connection: whatever is to be done some time soon costs least then.
   * Some backends never call.
   *
   * @returns how to stop
   */
  watchAwake(onAwake: () => void): () => void;
  /** Lets go of what the adapter opened itself. */
  close(): Promise<void>;
}
