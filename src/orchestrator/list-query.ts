import { z } from "zod";
import { RUN_STATUSES } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import { sayIssues } from "../core/issues.ts";
import type { RunFilter } from "../core/ports/stores.ts";
import { TimeSchema } from "../core/time.ts";
import { SAFE_NAME } from "../core/token.ts";

/** Which page of which runs. */
export interface ListRunsQuery extends RunFilter {
  /** Runs on a page at most, 1 to 1000. @default 50 */
  readonly limit?: number;
  /** `cursor` of the page before. */
  readonly cursor?: string | null;
}

// A workflow stands in keys as it is: a wildcard would list others.
const QuerySchema = z.strictObject({
  status: z.enum(RUN_STATUSES).optional(),
  workflow: z
    .string()
    .regex(SAFE_NAME, { error: "must be 1 to 64 letters, digits, _ and -" })
    .optional(),
  createdFrom: TimeSchema.optional(),
  createdBefore: TimeSchema.optional(),
  limit: z.unknown().optional(),
  cursor: z.string().nullish(),
});

/** Checks a query of callers without types. @throws FloxideError `validation` */
export function checkQuery(query: ListRunsQuery): ListRunsQuery {
  const parsed = QuerySchema.safeParse(query);
  if (parsed.success) return query;
  const { issues, text } = sayIssues(parsed.error.issues);
  throw new FloxideError("validation", `the query for runs does not fit: ${text}`, {
    details: { issues },
    cause: parsed.error,
  });
}
