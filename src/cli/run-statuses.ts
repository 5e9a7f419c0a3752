import type { RunStatus } from "../core/checkpoint/checkpoint.ts";

/** All statuses that a run can have. */
export const RUN_STATUSES = [
  "running",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly RunStatus[];
