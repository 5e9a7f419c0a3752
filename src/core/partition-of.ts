import { createHash } from "node:crypto";
import { FloxideError } from "./errors.ts";
import { checkRunId } from "./token.ts";

/** Most partitions of one system: each is nine streams. */
export const MAX_PARTITIONS = 1_000;

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
function checkPartitions(partitions: number): number {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= MAX_PARTITIONS) {
    return partitions;
  }
  throw new FloxideError(
    "definition",
    `a system has 1 to ${MAX_PARTITIONS} partitions, not ${String(partitions)}`,
  );
}

/** Namespaces of all partitions, by their numbers. @throws FloxideError `definition` */
export const partitionNamespaces = (namespace: string, partitions: number): readonly string[] =>
  Array.from({ length: checkPartitions(partitions) }, (_, partition) =>
    partitionNamespace(namespace, partition),
  );

/**
 * The partitions that a process serves: these, or all of them.
 *
 * @throws FloxideError `definition` for one that there is not, or that is named twice
 */
export function servedOf(
  serve: readonly number[] | undefined,
  partitions: number,
): readonly number[] {
  const all = Array.from({ length: checkPartitions(partitions) }, (_, partition) => partition);
  if (serve === undefined) return all;
  const wrong = serve.find((partition) => !all.includes(partition));
  if (serve.length > 0 && wrong === undefined && new Set(serve).size === serve.length) return serve;
  throw new FloxideError(
    "definition",
    `serve names some of the partitions 0 to ${partitions - 1}, each once, not [${serve.join(", ")}]`,
  );
}
