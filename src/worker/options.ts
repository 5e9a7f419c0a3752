import { hostname } from "node:os";
import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { newId } from "../core/new-id.ts";
import { LONGEST_SILENCE_MS } from "../core/records/liveness.ts";
import type { ResolvedRetryPolicy, RetryPolicy } from "../core/retry-policy.ts";
import { RetryPolicySchema } from "../core/retry-policy.ts";

/** How a worker works. Everything has a default. */
export interface WorkerOptions {
  /**
   * Nodes executed at once. More helps while nodes wait for something else; for nodes that compute, start more
   * workers instead: one process has one core.
   * @default 16
   */
  readonly concurrency?: number;
  /** Names this worker in lists and logs. @default host name and a unique suffix */
  readonly workerId?: string;
  /**
   * Milliseconds between two heartbeats. Fewer shows a dead worker sooner and writes more. A worker that has executed
   * nothing since the last one leaves three out, up to a minute.
   * @default 5000
   */
  readonly heartbeatMs?: number;
  /**
   * Milliseconds that `stop` lets running nodes finish before it aborts them and gives their work back.
   * @default 30000
   */
  readonly graceMs?: number;
  /**
   * Executions of one item, in a row, that may be lost with their worker before the item fails. The first is not
   * counted: a message may come again for many reasons, and only from then on it is written down. Too few fails
   * innocent items on a bad day; too many lets a node that kills its process kill more of them.
   * @default 3
   */
  readonly maxLost?: number;
  /**
   * Steps of one run that a worker takes without going back to the queue. More is faster for chains; fewer gives
   * other runs their turn sooner.
   * @default 100
   */
  readonly stepsInPlace?: number;
  /** Retry policy of nodes whose workflow gives none. @default one attempt */
  readonly retry?: RetryPolicy;
}

/** Options with nothing left open. */
export interface ResolvedWorkerOptions {
  readonly concurrency: number;
  readonly workerId: string;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly maxLost: number;
  readonly stepsInPlace: number;
  readonly retry: ResolvedRetryPolicy | null;
}

const OptionsSchema = z.object({
  concurrency: z.number().int().min(1).max(10_000).default(16),
  workerId: z.string().min(1).max(128).optional(),
  heartbeatMs: z.number().int().min(100).max(LONGEST_SILENCE_MS).default(5_000),
  graceMs: z.number().int().min(0).default(30_000),
  maxLost: z.number().int().min(1).max(1_000).default(3),
  stepsInPlace: z.number().int().min(1).default(100),
  retry: RetryPolicySchema.optional(),
});

/** @throws FloxideError `definition`, naming each option that does not fit */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  const parsed = OptionsSchema.safeParse(options);
  if (!parsed.success) {
    const said = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new FloxideError("definition", `the worker's options do not fit: ${said.join("; ")}`);
  }
  const { workerId, retry, ...rest } = parsed.data;
  return {
    ...rest,
    workerId: workerId ?? `${hostname()}-${newId().slice(-12)}`,
    retry: retry ?? null,
  };
}
