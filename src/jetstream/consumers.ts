import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  type JetStreamManager,
} from "@nats-io/jetstream";
import { millis, nanos } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { QueueKind, QueueSource } from "../core/ports/work-queue.ts";
import { SAFE_NAME } from "../core/token.ts";
import type { Names } from "./names.ts";
import type { ResolvedJetStreamOptions } from "./options.ts";
import type { Persistence } from "./persist.ts";
import { API_CODE, apiCodeOf } from "./translate-error.ts";

// One durable consumer for each kind of work of each workflow.
//
// D1. Exactly one filter subject: two halve the rate, four cut it to a tenth.
// D2. `max_deliver` -1: a message whose deliveries are used up would stay in a work queue for ever, unseen.
// D3. Changed by update, not deleted and made again: a new one hands out again all that is in workers' hands. Only one that is
//     ahead of its stream, which lost its last messages or came back older, is replaced: it would hand out nothing up to
//     where it believes to be.

const ACK_WAIT_MS = 30_000;
const MAX_ACK_PENDING = 20_000;
/** Milliseconds between two looks at a consumer whose messages come again. */
const RECHECK_MS = 5_000;
/** Pull requests that may wait at once: about one for each worker. Cannot be changed once the consumer exists. */
const MAX_WAITING = 2_000;

const KINDS: readonly QueueKind[] = ["start", "work"];

type Options = Pick<ResolvedJetStreamOptions, "ackWaitMs" | "maxAckPending">;

/** The consumers of the work stream. */
export class WorkConsumers {
  readonly #jsm: JetStreamManager;
  readonly #names: Names;
  readonly #options: Options;
  readonly #persistence: Persistence;
  readonly #logger: Logger;
  readonly #prepared = new Map<string, Promise<void>>();
  /** Acknowledgement waits of the consumers seen, by their names, in milliseconds. */
  readonly #ackWaits = new Map<string, number>();
  /** When each consumer was looked at again, on the clock that never jumps. */
  readonly #lookedAt = new Map<string, number>();
  #ackWaitMs: number;

  constructor(
    jsm: JetStreamManager,
    names: Names,
    options: Options,
    persistence: Persistence,
    logger: Logger,
  ) {
    this.#jsm = jsm;
    this.#names = names;
    this.#options = options;
    this.#persistence = persistence;
    this.#logger = logger;
    this.#ackWaitMs = options.ackWaitMs ?? ACK_WAIT_MS;
  }

  /** The shortest acknowledgement wait among the consumers seen, in milliseconds. */
  get ackWaitMs(): number {
    return this.#ackWaitMs;
  }

  /** Makes sure that both consumers of the workflow exist. Asks the server once. */
  prepare(workflow: string): Promise<void> {
    const known = this.#prepared.get(workflow);
    if (known !== undefined) return known;
    const preparing = this.#prepare(workflow);
    this.#prepared.set(workflow, preparing);
    preparing.catch(() => this.#prepared.delete(workflow));
    return preparing;
  }

  /**
   * A message came again: perhaps because somebody has shortened the acknowledgement wait since it was read. Then what is in
   * hand must be renewed more often. Asks the server, but not often.
   */
  recheck(source: QueueSource, now: number): void {
    const name = this.#names.consumer(source.kind, source.workflow);
    if (now - (this.#lookedAt.get(name) ?? Number.NEGATIVE_INFINITY) < RECHECK_MS) return;
    this.#lookedAt.set(name, now);
    this.info(source).then(
      (info) => info !== null && this.#learn([info]),
      (error: unknown) => this.#logger.debug({ err: error, consumer: name }, "not looked at again"),
    );
  }

  /** Has {@link prepare} ask the server again. */
  forget(workflow: string): void {
    this.#prepared.delete(workflow);
  }

  /** What the server knows of the consumer; null where there is none. */
  info({ kind, workflow }: QueueSource): Promise<ConsumerInfo | null> {
    const name = this.#names.consumer(kind, workflow);
    return this.#persistence.manage(`reading the consumer "${name}"`, () => this.#find(name));
  }

  /**
   * Replaces consumers that have handed out more than there is.
   *
   * @param lastOf - reads the position of the stream's last message
   * @returns names of those that were replaced
   */
  async replaceAhead(workflow: string, lastOf: () => Promise<number>): Promise<readonly string[]> {
    const replaced: string[] = [];
    for (const kind of KINDS) {
      const info = await this.info({ kind, workflow });
      // Read after the consumer: it is never ahead of a stream that has lost nothing.
      if (info === null || info.delivered.stream_seq <= (await lastOf())) continue;
      await this.#persistence.manage(`replacing the consumer "${info.name}"`, async () => {
        if ((await this.#find(info.name)) !== null)
          await this.#jsm.consumers.delete(info.stream_name, info.name);
      });
      replaced.push(info.name);
    }
    if (replaced.length > 0) {
      this.forget(workflow);
      await this.prepare(workflow);
    }
    return replaced;
  }

  async #prepare(workflow: string): Promise<void> {
    if (!SAFE_NAME.test(workflow)) {
      throw new FloxideError(
        "validation",
        `the workflow name "${workflow}" must be 1 to 64 letters, digits, _ and -`,
      );
    }
    const what = `preparing the consumers of workflow "${workflow}"`;
    const infos = await Promise.all(
      KINDS.map((kind) => this.#persistence.manage(what, () => this.#ensure(kind, workflow))),
    );
    this.#learn(infos);
  }

  #learn(infos: readonly ConsumerInfo[]): void {
    for (const { name, config } of infos) {
      this.#ackWaits.set(name, millis(config.ack_wait ?? nanos(ACK_WAIT_MS)));
    }
    this.#ackWaitMs = Math.min(...this.#ackWaits.values());
  }

  async #ensure(kind: QueueKind, workflow: string): Promise<ConsumerInfo> {
    const stream = this.#names.workStream;
    const name = this.#names.consumer(kind, workflow);
    const kept = { filter_subject: this.#names.consumerFilter(kind, workflow), max_deliver: -1 };
    const found = await this.#find(name);
    if (found !== null) return this.#update(found, kept);
    try {
      return await this.#jsm.consumers.add(stream, {
        ...kept,
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: nanos(this.#options.ackWaitMs ?? ACK_WAIT_MS),
        max_ack_pending: this.#options.maxAckPending ?? MAX_ACK_PENDING,
        max_waiting: MAX_WAITING,
      });
    } catch (error) {
      const code = apiCodeOf(error);
      // Somebody with other options was faster.
      if (code !== API_CODE.consumerExists && code !== API_CODE.consumerNameExists) throw error;
      return this.#update(await this.#jsm.consumers.info(stream, name), kept);
    }
  }

  async #find(name: string): Promise<ConsumerInfo | null> {
    try {
      return await this.#jsm.consumers.info(this.#names.workStream, name);
    } catch (error) {
      if (apiCodeOf(error) === API_CODE.consumerNotFound) return null;
      throw error;
    }
  }

  async #update(info: ConsumerInfo, kept: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
    const { ackWaitMs, maxAckPending } = this.#options;
    const wanted: Partial<ConsumerConfig> = { ...kept };
    if (ackWaitMs !== undefined) wanted.ack_wait = nanos(ackWaitMs);
    if (maxAckPending !== undefined) wanted.max_ack_pending = maxAckPending;
    const fields = Object.keys(wanted) as (keyof ConsumerConfig)[];
    const changes = fields.filter((field) => info.config[field] !== wanted[field]);
    if (changes.length === 0) return info;
    this.#logger.info({ consumer: info.name, fields: changes }, "consumer is being changed");
    return this.#jsm.consumers.update(info.stream_name, info.name, wanted);
  }
}
