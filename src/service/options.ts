import { z } from "zod";
import { FloxideError } from "../core/errors.ts";

/** How a service behaves. Everything has a default. */
export interface ServiceOptions {
  /**
   * Requests in work at once; what comes above is refused with the code `backend`, and another service may take it.
   * More rides out bursts; fewer keeps the memory and the answers of those in work short.
   * @default 256
   */
  readonly maxInFlight?: number | undefined;
  /**
   * Requests that `wait` at once, counted apart: they hold memory, but do no work.
   * @default 4096
   */
  readonly maxWaiting?: number | undefined;
  /**
   * Milliseconds from one look for stranded runs to the next, give or take a quarter. Shorter heals sooner and reads
   * more; 0 leaves it to others.
   * @default 30000
   */
  readonly repairEveryMs?: number | undefined;
  /** Milliseconds that `stop` lets requests in work finish. @default 10000 */
  readonly graceMs?: number | undefined;
}

const Limit = z.number().int().min(1);

const OptionsSchema = z.object({
  maxInFlight: Limit.default(256),
  maxWaiting: Limit.default(4_096),
  repairEveryMs: z.number().int().min(0).max(86_400_000).default(30_000),
  graceMs: z.number().int().min(0).default(10_000),
});

export type ResolvedServiceOptions = z.output<typeof OptionsSchema>;

/** @throws FloxideError `definition`, naming each option that does not fit */
export function resolveServiceOptions(options: ServiceOptions): ResolvedServiceOptions {
  const parsed = OptionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new FloxideError("definition", `the service's options do not fit: ${said.join("; ")}`, {
    cause: parsed.error,
  });
}
