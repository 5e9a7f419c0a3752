import { z } from "zod";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { isTerminal, outputOf } from "../checkpoint/checkpoint.ts";
import { FailureSchema } from "../failure.ts";
import type { Json } from "../json.ts";
import { TimeSchema } from "../time.ts";
import { isRunId, SAFE_NAME } from "../token.ts";

const common = {
  runId: z.string().refine(isRunId),
  workflow: z.string().regex(SAFE_NAME),
  /** 0 while no worker has taken the start request. */
  version: z.number().int().nonnegative(),
  /** When the start request was accepted. */
  createdAt: TimeSchema,
  /** Hash of workflow, input and initial context: the same run id with another hash is another run. */
  inputHash: z.string(),
  /** Revision of the checkpoint that this shows, 0 before there is one: of two that disagree the larger is right. */
  revision: z.number().int().nonnegative(),
};

/** What lists show of a run: a projection of its checkpoint, a union by `status`. */
export const RunInfoSchema = z.discriminatedUnion("status", [
  z.looseObject({ ...common, status: z.literal("running") }),
  z.looseObject({ ...common, status: z.literal("paused") }),
  z.looseObject({
    ...common,
    status: z.literal("completed"),
    finishedAt: z.string(),
    /** Null also where it is too large for a list: `result` has it. */
    output: z.custom<Json>((value) => value !== undefined),
  }),
  z.looseObject({
    ...common,
    status: z.literal("failed"),
    finishedAt: z.string(),
    failure: FailureSchema,
  }),
  z.looseObject({ ...common, status: z.literal("cancelled"), finishedAt: z.string() }),
]);
export type RunInfo = z.infer<typeof RunInfoSchema>;

/** Longest output, in characters of JSON, that a list carries. */
const OUTPUT_LIMIT = 4_096;

/** The run as lists show it. */
export function toRunInfo(checkpoint: Checkpoint, revision: number): RunInfo {
  const { runId, workflow, version, createdAt, inputHash, status } = checkpoint;
  const known = { runId, workflow, version, createdAt, inputHash, revision };
  const finishedAt = checkpoint.finishedAt ?? checkpoint.updatedAt;
  switch (status) {
    case "completed": {
      const output = outputOf(checkpoint);
      const fits = JSON.stringify(output).length <= OUTPUT_LIMIT;
      return { ...known, status, finishedAt, output: fits ? output : null };
    }
    case "failed":
      if (checkpoint.failure === undefined) throw new Error(`run "${runId}" failed of nothing`);
      return { ...known, status, finishedAt, failure: checkpoint.failure };
    case "cancelled":
      return { ...known, status, finishedAt };
    default:
      return { ...known, status };
  }
}

/** True where what is filed of a run is what its checkpoint says. An older revision will do while the run goes on. */
export function saysTheSame(filed: RunInfo, now: RunInfo): boolean {
  if (filed.status !== now.status || filed.revision > now.revision) return false;
  return (
    filed.inputHash === now.inputHash &&
    (!isTerminal(now.status) || filed.revision === now.revision)
  );
}
