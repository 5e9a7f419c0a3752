import { hasTexts, objectText } from "../json-texts.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** The checkpoint as JSON. What was written of its context before is not written again. */
export function checkpointText(checkpoint: Checkpoint): string {
  if (!hasTexts(checkpoint.context)) return JSON.stringify(checkpoint);
  const { context, ...rest } = checkpoint;
  return `${JSON.stringify(rest).slice(0, -1)},"context":${objectText(context)}}`;
}
