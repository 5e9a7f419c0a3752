import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { iso } from "../clock.ts";

/** One thing that happened to a run. */
export const HistoryEventSchema = z.looseObject({
  runId: z.string(),
  /** Counts from 1 without gaps: an event that comes twice has the same number. */
  number: z.number().int().positive(),
  at: z.string(),
  /** `run.started`, `run.completed`, `item.completed`, `attempt.failed`, `item.held`, … */
  kind: z.string(),
  item: z.number().int().nullable(),
  node: z.string().nullable(),
  attempt: z.number().int().nullable(),
  /** Worker or orchestrator that made it happen. */
  by: z.string().nullable(),
});
export type HistoryEvent = z.infer<typeof HistoryEventSchema>;

/** Events that the checkpoint holds. @param after - only those with larger numbers. @default 0 */
export function historyOf(
  { runId, history: { events } }: Pick<Checkpoint, "runId" | "history">,
  after = 0,
): HistoryEvent[] {
  const found: HistoryEvent[] = [];
  let by: string | null = null;
  for (const [number, at, kind, item, node, attempt, said] of events) {
    if (said !== undefined) by = said;
    if (number <= after) continue;
    found.push({ runId, number, at: iso(at), kind, item, node, attempt, by });
  }
  return found;
}
