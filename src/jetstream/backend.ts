import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { type Clock, systemClock, within } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Backend } from "../core/ports/backend.ts";
import { WholeContexts } from "../core/whole-contexts.ts";
import { checkFirstPartition } from "./check-partitions.ts";
import { connectTo } from "./connect.ts";
import { WorkConsumers } from "./consumers.ts";
import { JetStreamContextStore } from "./context-store.ts";
import { JetStreamControlBus } from "./control-bus.ts";
import { JetStreamDeadLetterStore } from "./dead-letter-store.ts";
import { EndedWatch } from "./ended-watch.ts";
import { checkServerVersion, ensureTopology, findTopology } from "./ensure-topology.ts";
import { JetStreamErrorStore } from "./error-store.ts";
import { JetStreamHistoryStore } from "./history-store.ts";
import { KvTable } from "./kv-table.ts";
import { Link } from "./link.ts";
import { JetStreamLivenessStore } from "./liveness-store.ts";
import { JetStreamMetricsStore } from "./metrics-store.ts";
import { type Names, namesOf, type Table } from "./names.ts";
import {
  type JetStreamOptions,
  type ResolvedJetStreamOptions,
  resolveJetStreamOptions,
} from "./options.ts";
import { Persistence } from "./persist.ts";
import { Requester } from "./requester.ts";
import { ENDED_KEYS, JetStreamRunInfoStore } from "./run-info-store.ts";
import { RunMessages } from "./run-messages.ts";
import { type Signing, signingOf } from "./signing.ts";
import { StreamFollower } from "./stream-follower.ts";
import { checkPartitionsOf, topologyOf } from "./topology.ts";
import { JetStreamValueStore } from "./value-store.ts";
import { JetStreamWorkQueue } from "./work-queue.ts";

/** How long closing waits for what is on its way, in milliseconds. */
const CLOSE_PATIENCE_MS = 5_000;

/** A {@link Backend} on JetStream. */
export interface JetStreamBackend extends Backend {
  /** The connection in use. It is the host's where the host gave it. */
  readonly connection: NatsConnection;
  readonly names: Names;
}

/**
 * Connects where no connection is given, makes sure that all streams and buckets of the namespace are there, and gives
 * what orchestrator and workers need.
 *
 * @throws FloxideError `validation` for options that do not fit
 * @throws FloxideError `backend` where NATS cannot be reached, has no JetStream, is too old, forbids something or is full,
 *   and where a stream of that name exists that cannot be used
 */
export async function openJetStreamBackend(
  options: JetStreamOptions = {},
  clock: Clock = systemClock,
): Promise<JetStreamBackend> {
  const resolved = resolveJetStreamOptions(options);
  const signing = signingOf(resolved);
  const nc = resolved.connection ?? (await connectTo(resolved));
  const own = resolved.connection === undefined ? nc : null;
  const link = new Link(nc, resolved.logger, clock);
  try {
    // The host's may be about to come back.
    await link.whenUp(resolved.connectTimeoutMs);
    if (!link.isUp)
      throw new FloxideError("backend", "the connection to NATS that was given is lost");
    checkServerVersion(nc.info?.version ?? "");
    const jsm = await jetstreamManager(nc, {
      checkAPI: false,
      timeout: resolved.requestTimeoutMs,
    });
    const names = namesOf(resolved.namespace);
    const opening = new Persistence(link, resolved.connectTimeoutMs);
    await checkFirstPartition(jsm, resolved, opening);
    const plans = topologyOf(names, resolved);
    const streams = await (resolved.create
      ? ensureTopology(jsm, plans, opening, resolved.logger)
      : findTopology(jsm, names, plans, opening));
    checkPartitionsOf(streams.get(names.workStream)?.config ?? {}, resolved);
    const context = streams.get(names.bucketStream("context"))?.config;
    const replicas = context?.num_replicas ?? 1;
    // Of a server in a cluster somebody may ask for more copies at any time.
    const hasOneReplica = () => replicas === 1 && nc.info?.cluster === undefined;
    const keepsAll = context !== undefined && keepsAllOf(context);
    return assemble({ link, jsm, names, options: resolved, signing, hasOneReplica, keepsAll, own });
  } catch (error) {
    link.close();
    await own?.close();
    throw error;
  }
}

/** True where nothing of the bucket goes by itself: what a patch builds on must stay. */
const keepsAllOf = ({
  max_msgs_per_subject: each,
  max_age: age,
  discard,
}: Pick<StreamConfig, "max_msgs_per_subject" | "max_age" | "discard">): boolean =>
  each === -1 && age === 0 && discard === DiscardPolicy.New;

interface Parts {
  readonly link: Link;
  readonly jsm: JetStreamManager;
  readonly names: Names;
  readonly options: ResolvedJetStreamOptions;
  readonly signing: Signing;
  readonly hasOneReplica: () => boolean;
  /** True where nothing of the bucket of checkpoints goes by itself. */
  readonly keepsAll: boolean;
  /** The connection, where it is ours to close. */
  readonly own: NatsConnection | null;
}

function assemble(parts: Parts): JetStreamBackend {
  const { link, jsm, names, options, signing, hasOneReplica, own } = parts;
  const { logger } = options;
  const requester = new Requester(link, options.requestTimeoutMs);
  const persistence = new Persistence(link, options.patienceMs);
  const ended = new EndedWatch(
    ({ onMessage, ...trouble }) =>
      new StreamFollower(link, jsm, persistence, logger, {
        stream: names.bucketStream("runs"),
        subjects: ENDED_KEYS.map((keys) => names.bucketPrefix("runs") + keys),
        onMessage: (msg) => onMessage(msg.string()),
        ...trouble,
      }),
    logger,
  );
  const queue = new JetStreamWorkQueue({
    link,
    requester,
    persistence,
    names,
    jsm,
    consumers: new WorkConsumers(jsm, names, options, persistence, logger),
    runMessages: new RunMessages(requester, names, signing, hasOneReplica),
    signing,
    logger,
  });
  const control = new JetStreamControlBus(link, requester, names, logger);
  const close = async () => {
    control.close();
    // What closing throws is of no interest any more.
    const quietly = (work: Promise<unknown>) =>
      within(
        link.clock,
        CLOSE_PATIENCE_MS,
        work.catch(() => {}),
      );
    await quietly(Promise.all([ended.close(), queue.close()]));
    if (link.isUp) await quietly(link.nc.flush());
    requester.close();
    link.close();
    await own?.close();
  };
  return {
    namespace: names.namespace,
    connection: link.nc,
    names,
    queue,
    control,
    ...buckets(parts, requester, persistence, ended),
    history: new JetStreamHistoryStore(link, requester, persistence, names),
    deadLetters: new JetStreamDeadLetterStore(link, requester, persistence, names),
    watchLost: (onLost) => link.watch({ onLost }),
    watchAwake: (onAwake) => link.watch({ onPing: onAwake }),
    get maxValueBytes() {
      return link.maxValueBytes;
    },
    close,
  };
}

/** The stores that are KV buckets. */
function buckets(
  { link, names, options: { retentionMs }, hasOneReplica, keepsAll }: Parts,
  requester: Requester,
  persistence: Persistence,
  ended: EndedWatch,
) {
  const table = (name: Table) =>
    new KvTable(link, requester, names.bucketStream(name), names.bucketPrefix(name));
  const { clock } = link;
  const asKept = { clock, hasOneReplica, keepsAll, retentionMs };
  const values = new JetStreamValueStore(table("values"), link, persistence, hasOneReplica);
  const contexts = new JetStreamContextStore(table("context"), persistence, asKept);
  link.watch({ onLost: () => contexts.forget() });
  return {
    contexts: new WholeContexts(contexts, values),
    values,
    runs: new JetStreamRunInfoStore(table("runs"), persistence, ended, retentionMs),
    metrics: new JetStreamMetricsStore(table("metrics"), persistence, retentionMs),
    errors: new JetStreamErrorStore(table("errors"), persistence, retentionMs),
    liveness: new JetStreamLivenessStore(
      table("liveness"),
      persistence,
      hasOneReplica,
      () => !link.isInCluster,
    ),
  };
}
