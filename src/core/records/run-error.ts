import { z } from "zod";
import { FailureSchema } from "../failure.ts";

/** One failed attempt, as the error store keeps it under run, item and attempt. */
export const RunErrorSchema = z.looseObject({
  runId: z.string(),
  workflow: z.string(),
  workerId: z.string(),
  failure: FailureSchema,
  /** When the next attempt may begin; null where this was the last. */
  retryAt: z.string().nullable(),
});
export type RunError = z.infer<typeof RunErrorSchema>;
