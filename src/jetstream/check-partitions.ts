import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { systemClock } from "../core/clock.ts";
import { lookAtStream } from "./ensure-topology.ts";
import { Link } from "./link.ts";
import { namesOf } from "./names.ts";
import type { ResolvedJetStreamOptions } from "./options.ts";
import { Persistence } from "./persist.ts";
import { checkPartitionsOf } from "./topology.ts";
import { refusedSubjectOf } from "./translate-error.ts";

/**
 * Refuses a system of another number of partitions, before anything is made of what it would be.
 *
 * @param first - of the first partition: every system has one, whoever serves what
 * @throws FloxideError `definition` for another number, `backend` where NATS does not answer
 */
export async function checkPartitions(
  connection: NatsConnection,
  first: ResolvedJetStreamOptions,
): Promise<void> {
  const link = new Link(connection, first.logger, systemClock);
  try {
    await link.whenUp(first.connectTimeoutMs);
    const jsm = await jetstreamManager(connection, {
      checkAPI: false,
      timeout: first.requestTimeoutMs,
    });
    const persistence = new Persistence(link, first.connectTimeoutMs);
    const found = await lookAtStream(jsm, namesOf(first.namespace).workStream, persistence);
    if (found !== null) checkPartitionsOf(found.config, first);
  } catch (error) {
    // Who may look at partitions of his own only learns it from those.
    if (refusedSubjectOf(error) === null) throw error;
  } finally {
    link.close();
  }
}
