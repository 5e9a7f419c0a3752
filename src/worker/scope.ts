import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { ResolvedWorkerOptions } from "./options.ts";

/** What the parts of one worker share. */
export interface WorkerScope {
  readonly backend: Backend;
  readonly options: ResolvedWorkerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  /** True once the worker was told to stop: nothing new begins. */
  stopping(): boolean;
  /** A write of this worker ended the run and its projections are written. */
  runEnded(checkpoint: Checkpoint, revision: number): void;
}
