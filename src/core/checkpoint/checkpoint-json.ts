import { hasJson, type JsonPart, joinJson, objectJson } from "../json-texts.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** The checkpoint as JSON. What was written of its context before is not written again. */
export function checkpointJson(checkpoint: Checkpoint): JsonPart {
  if (!hasJson(checkpoint.context)) return JSON.stringify(checkpoint);
  const { context, ...rest } = checkpoint;
  const head = `${JSON.stringify(rest).slice(0, -1)},"context":`;
  return joinJson([head, ...objectJson(context), "}"]);
}
