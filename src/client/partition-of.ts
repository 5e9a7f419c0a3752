import { createHash } from "node:crypto";
import { FloxideError } from "../core/errors.ts";
import { checkRunId } from "../core/token.ts";

/** Most partitions of one system: each is nine streams. */
const MAX_PARTITIONS = 1_000;

/**
 * The partition that a run belongs to: the first four bytes of the SHA-256 of the run id in UTF-8, read as a whole number
 * with the highest byte first, modulo the number of partitions. It never changes, so any language can compute it.
 *
 * @param partitions - how many there are, 1 to 1000
 * @returns 0 to `partitions - 1`
 * @throws FloxideError `validation` for what is no run id, `definition` for another number of partitions
 */
export function partitionOf(runId: string, partitions: number): number {
  const bytes = createHash("sha256").update(checkRunId(runId), "utf8").digest();
  return bytes.readUInt32BE(0) % checkPartitions(partitions);
}

/** Namespace of a partition. */
export const partitionNamespace = (namespace: string, partition: number): string =>
  `${namespace}-${partition}`;

/** @throws FloxideError `definition` */
export function checkPartitions(partitions: number): number {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= MAX_PARTITIONS) {
    return partitions;
  }
  throw new FloxideError(
    "definition",
    `a system has 1 to ${MAX_PARTITIONS} partitions, not ${String(partitions)}`,
  );
}
