import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { type RunInfo, RunInfoSchema } from "../core/records/run-info.ts";
import { toToken } from "../core/token.ts";
import type { Entry } from "./kv-table.ts";

/** A run's info as the bucket keeps it. */
export interface FiledRun {
  readonly key: string;
  readonly info: RunInfo;
  /** The bucket's revision, not the checkpoint's. */
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** Reads an entry, or null where it is none: one broken entry must not end a listing. */
export function readFiled(entry: Entry): FiledRun | null {
  let value: unknown;
  try {
    value = JSON.parse(entry.body);
  } catch {
    return null;
  }
  const parsed = RunInfoSchema.safeParse(value);
  if (!parsed.success) return null;
  const { key, revision, writtenAt } = entry;
  // Under another key it would be found where its run is not.
  const { workflow, status, runId } = parsed.data;
  if (key !== `${workflow}.${status}.${toToken(runId)}`) return null;
  return { key, info: parsed.data, revision, writtenAt };
}

/** Of two infos of one run: the newer checkpoint's is right, then the ended one, then the one written last. */
export function isBetter(a: FiledRun, b: FiledRun): boolean {
  if (a.info.revision !== b.info.revision) return a.info.revision > b.info.revision;
  const [aEnded, bEnded] = [isTerminal(a.info.status), isTerminal(b.info.status)];
  return aEnded === bEnded ? a.revision > b.revision : aEnded;
}
