import { z } from "zod";
import { TimeSchema } from "../time.ts";

const Count = z.number().int().nonnegative();
/** Longest time between two heartbeats, in milliseconds. */
export const LONGEST_SILENCE_MS = 600_000;

/** What a worker says of itself, some seconds apart. Its key expires by itself when it stops saying it. */
export const HeartbeatSchema = z.looseObject({
  workerId: z.string(),
  host: z.string(),
  pid: Count,
  startedAt: z.string(),
  at: TimeSchema,
  /** When the next one is due, in milliseconds from `at`: a worker that has nothing to do says less. */
  nextMs: Count.max(LONGEST_SILENCE_MS).optional(),
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

/** A heartbeat is late, and no alarm, until half the time to it has passed once more: it may have to be repeated. */
const LATENESS = 1.5;

/** What is stale is dead when it is so many times as old. */
const DEADNESS = 3;

/** For how long a worker is known that says nothing more, in milliseconds: until it is seen as dead, and `leastMs` at least. */
export function knownMs({ nextMs = 0 }: Pick<Heartbeat, "nextMs">, leastMs: number): number {
  return Math.max(leastMs, (DEADNESS * LATENESS + 1) * nextMs);
}

/**
 * @param thresholdMs - milliseconds; some heartbeats long, so that one late heartbeat is no alarm. It is more for a worker
 *   that said that its next heartbeat would take longer
 */
export function livenessOf(
  { at, nextMs = 0 }: Pick<Heartbeat, "at" | "nextMs">,
  now: number,
  thresholdMs: number,
): Liveness {
  const age = now - Date.parse(at);
  const aliveMs = Math.max(thresholdMs, LATENESS * nextMs);
  if (age < aliveMs) return "alive";
  return age < DEADNESS * aliveMs ? "stale" : "dead";
}
