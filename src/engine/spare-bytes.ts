import type { Change } from "../core/checkpoint/change.ts";
import { type StartRequest, startBytes } from "../core/records/start-request.ts";

const MOST_SPARE_BYTES = 32 * 1024;

/**
 * What a checkpoint that grows leaves free, so that a run which has reached the limit can still fail, be paused and be
 * cancelled.
 *
 * @param maxValueBytes - largest value that the backend keeps
 */
export const spareBytesOf = (maxValueBytes: number): number =>
  Math.min(MOST_SPARE_BYTES, Math.floor(maxValueBytes / 4));

/** True for changes that may make the checkpoint larger by what users give. */
export function grows(change: Change): boolean {
  switch (change.type) {
    case "start":
    case "complete":
    case "hold":
    case "retry":
    case "fallback":
    case "open":
    case "signal":
      return true;
    default:
      return false;
  }
}

/** Bytes of a checkpoint that is not its input and context. */
const FRAME_BYTES = 1_027;

/** About how large the first checkpoint of a run is, in bytes. */
export const startSizeBytes = (request: Pick<StartRequest, "input" | "context">): number =>
  FRAME_BYTES + startBytes(request);
