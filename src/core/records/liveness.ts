import { z } from "zod";
import { TimeSchema } from "../time.ts";

const Count = z.number().int().nonnegative();

/** What a worker says of itself, some seconds apart. Its key expires by itself when it stops saying it. */
export const HeartbeatSchema = z.looseObject({
  workerId: z.string(),
  host: z.string(),
  pid: Count,
  startedAt: z.string(),
  at: TimeSchema,
  /** `idle`: executes nothing. `busy`: executes. `draining`: takes nothing new. */
  status: z.enum(["idle", "busy", "draining"]),
  /** Nodes it executes at once at most, and now. */
  concurrency: Count,
  running: Count,
  completed: Count,
  /** Failed attempts since it started. */
  errors: Count,
  /** What it executes now: the first twenty. */
  current: z.array(
    z.looseObject({
      runId: z.string(),
      item: Count,
      node: z.string(),
      attempt: Count,
      since: z.string(),
    }),
  ),
  workflows: z.array(z.looseObject({ name: z.string(), version: Count, fingerprint: z.string() })),
  load: z.looseObject({
    /** Resident memory, in bytes. */
    rssBytes: z.number(),
    /** How late a timer of the process last was, in milliseconds: a blocked event loop shows here. */
    eventLoopLagMs: z.number(),
  }),
});
export type Heartbeat = z.infer<typeof HeartbeatSchema>;

/** By the age of the last heartbeat: `alive` below the threshold, `stale` below three times that, `dead` beyond. */
export type Liveness = "alive" | "stale" | "dead";

/** @param thresholdMs - milliseconds; some heartbeats long, so that one late heartbeat is no alarm */
export function livenessOf(
  heartbeat: Pick<Heartbeat, "at">,
  now: number,
  thresholdMs: number,
): Liveness {
  const age = now - Date.parse(heartbeat.at);
  if (age < thresholdMs) return "alive";
  return age < 3 * thresholdMs ? "stale" : "dead";
}
