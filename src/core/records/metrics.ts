import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";

const Count = z.number().int().nonnegative();

/** Figures of one run. */
export const RunMetricsSchema = z.looseObject({
  runId: z.string(),
  workflow: z.string(),
  status: z.string(),
  /** Work items that came to be. */
  items: Count,
  completed: Count,
  /** Items that failed for good; one that fails again after a resume counts again. */
  failed: Count,
  retries: Count,
  /** Executions lost with their worker. */
  lost: Count,
  /** Milliseconds from the accepted start to the end, or to the last commit of a run that goes on. */
  elapsedMs: z.number().nonnegative(),
  /** By node; times are milliseconds of execution, waiting not included. */
  nodes: z.record(
    z.string(),
    z.looseObject({
      completed: Count,
      failed: Count,
      retries: Count,
      totalMs: z.number(),
      maxMs: z.number(),
    }),
  ),
});
export type RunMetrics = z.infer<typeof RunMetricsSchema>;

/** The figures that a checkpoint holds. */
export function toRunMetrics(checkpoint: Checkpoint): RunMetrics {
  const end = Date.parse(checkpoint.finishedAt ?? checkpoint.updatedAt);
  return {
    runId: checkpoint.runId,
    workflow: checkpoint.workflow,
    status: checkpoint.status,
    ...checkpoint.counters,
    elapsedMs: Math.max(0, end - Date.parse(checkpoint.createdAt)),
    nodes: Object.fromEntries(
      Object.entries(checkpoint.nodes).map(
        ([node, [completed, failed, retries, totalMs, maxMs]]) => [
          node,
          { completed, failed, retries, totalMs, maxMs },
        ],
      ),
    ),
  };
}
