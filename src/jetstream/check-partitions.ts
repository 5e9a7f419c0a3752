import type { JetStreamManager } from "@nats-io/jetstream";
import { partitionNamespace } from "../core/partition-of.ts";
import { lookAtStream } from "./ensure-topology.ts";
import { namesOf } from "./names.ts";
import type { ResolvedJetStreamOptions } from "./options.ts";
import type { Persistence } from "./persist.ts";
import { checkPartitionsOf } from "./topology.ts";
import { refusedSubjectOf } from "./translate-error.ts";

/**
 * Refuses a partition of a system that has another number of them, before anything is made of it. The first one knows:
 * every system has it, whoever serves what.
 *
 * @throws FloxideError `definition` for another number, `backend` where NATS does not answer
 */
export async function checkFirstPartition(
  jsm: JetStreamManager,
  { namespace, partitions }: Pick<ResolvedJetStreamOptions, "namespace" | "partitions">,
  persistence: Persistence,
): Promise<void> {
  if (partitions === undefined) return;
  const first = partitionNamespace(namespace.replace(/-\d+$/, ""), 0);
  try {
    const found = await lookAtStream(jsm, namesOf(first).workStream, persistence);
    if (found !== null) checkPartitionsOf(found.config, { namespace: first, partitions });
  } catch (error) {
    // Who may look at partitions of his own only learns it from those.
    if (refusedSubjectOf(error) === null) throw error;
  }
}
