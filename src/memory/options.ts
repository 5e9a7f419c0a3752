import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import { SAFE_NAME } from "../core/token.ts";

const DAY_MS = 86_400_000;
const Ms = z.number().int().positive();

const MemoryOptionsSchema = z.strictObject({
  /** Only a name here: each world is apart from all others. @default "floxide" */
  namespace: z.string().regex(SAFE_NAME).default("floxide"),
  /** Where time comes from, such as a {@link ManualClock}. @default the machine's */
  clock: z.custom<Clock>(isClock, "is no Clock").default(systemClock),
  /**
   * Milliseconds that a message may stay unacknowledged. Less brings the work of a dead worker back sooner, more
   * forgives a worker that is slow to say that it works. @default 30000
   */
  ackWaitMs: Ms.default(30_000),
  /** Milliseconds that an ended run is kept. More keeps more in memory. @default 604800000, seven days */
  retentionMs: Ms.default(7 * DAY_MS),
  /** Largest value, in bytes of JSON. @default 1048576, as nats-server has it */
  maxValueBytes: Ms.default(1_048_576),
  /** Milliseconds that message ids are remembered. @default 30000, as our streams on JetStream have it */
  duplicateWindowMs: Ms.default(30_000),
  /** Milliseconds that a pull waits before it ends empty-handed. @default 30000 */
  patienceMs: Ms.default(30_000),
  /** Milliseconds after its last heartbeat that a worker is forgotten. @default 300000 */
  livenessTtlMs: Ms.default(300_000),
});

/** How a memory world behaves; all of it has a default. */
export type MemoryOptions = z.input<typeof MemoryOptionsSchema>;
/** Memory options with nothing left open. */
export type ResolvedMemoryOptions = z.output<typeof MemoryOptionsSchema>;

/** Fills in what is not given. @throws FloxideError `definition` naming the option that does not fit */
export function resolveMemoryOptions(options: MemoryOptions): ResolvedMemoryOptions {
  const parsed = MemoryOptionsSchema.safeParse(options);
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new FloxideError("definition", `the memory options do not fit: ${said.join("; ")}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

function isClock(value: unknown): value is Clock {
  const clock = value as Partial<Clock> | null;
  return [clock?.now, clock?.elapsed, clock?.random, clock?.after].every(
    (part) => typeof part === "function",
  );
}
