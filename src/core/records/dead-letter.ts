import { z } from "zod";

/** A message that could not be taken, with why. */
export const DeadLetterSchema = z.looseObject({
  /** Stream sequence: names the letter. */
  id: z.number().int().nonnegative(),
  at: z.string(),
  /** Code of the error that refused it. */
  code: z.string(),
  reason: z.string(),
  /** Subject it came on. */
  subject: z.string(),
  workflow: z.string(),
  runId: z.string().nullable(),
  /** The body as it came, at most 64 KiB of it. */
  body: z.string(),
});
export type DeadLetter = z.infer<typeof DeadLetterSchema>;
/** A dead letter before the stream has given it an id and a time. */
export type NewDeadLetter = Omit<DeadLetter, "id" | "at">;
