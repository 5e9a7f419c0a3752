import type { JetStreamManager } from "@nats-io/jetstream";
import { FloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { Logger } from "../core/logger.ts";
import type {
  Backlog,
  Delivery,
  OldMessage,
  QueuedMessage,
  QueuedStart,
  QueueSource,
  StartPublishing,
  WorkQueue,
} from "../core/ports/work-queue.ts";
import { readStart, type StartRequest, startRequestJson } from "../core/records/start-request.ts";
import type { QueuedItem } from "../core/records/work-message.ts";
import { readBacklog } from "./backlog.ts";
import type { WorkConsumers } from "./consumers.ts";
import type { Link } from "./link.ts";
import {
  itemMessageId,
  type Names,
  readStartSubject,
  runIdOfStart,
  startMessageId,
} from "./names.ts";
import type { Persistence } from "./persist.ts";
import { type PubAck, readPubAck } from "./pub-ack.ts";
import { ConsumerGone } from "./pull-status.ts";
import { Puller } from "./puller.ts";
import { RawHeaders } from "./raw-headers.ts";
import { readStarts } from "./read-starts.ts";
import type { Requester } from "./requester.ts";
import type { RunMessages } from "./run-messages.ts";
import { INFO_WRITTEN, type Signing } from "./signing.ts";

// Q1. Repeating a publish is always safe: a repetition is known by its message id for half a minute, and what slips through
//     is recognised by whoever takes it, from the checkpoint.
// Q2. A scheduled item has no message id: a second schedule on its subject replaces the first.
// Q3. Nothing is removed by purging a subject that a consumer filters: see `run-messages.ts`.

/** Publishes that wait for their answer at a time, when many items are queued at once. */
const WIDTH = 256;
/** How long a pull waits for a lost connection before it tells its caller, in milliseconds. */
const PULL_PATIENCE_MS = 30_000;

/** What the queue is made of. */
export interface WorkQueueParts {
  readonly link: Link;
  readonly requester: Requester;
  readonly persistence: Persistence;
  readonly names: Names;
  readonly jsm: JetStreamManager;
  readonly consumers: WorkConsumers;
  readonly runMessages: RunMessages;
  readonly signing: Signing;
  readonly logger: Logger;
}

/** The work queue on one stream with work-queue retention. */
export class JetStreamWorkQueue implements WorkQueue {
  readonly #parts: WorkQueueParts;
  readonly #pullers = new Map<string, Puller>();

  constructor(parts: WorkQueueParts) {
    this.#parts = parts;
  }

  get ackWaitMs(): number {
    return this.#parts.consumers.ackWaitMs;
  }

  prepare(workflow: string): Promise<void> {
    return this.#parts.consumers.prepare(workflow);
  }

  async start(
    request: StartRequest,
    { infoWritten, anew = false }: StartPublishing,
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }> {
    const { link, names, persistence, signing } = this.#parts;
    const what = `the start request of run "${request.runId}"`;
    const json = startRequestJson(request);
    const body = link.encode(json, what);
    const subject = names.start(request.workflow);
    const id = startMessageId(request.runId);
    const ack = await persistence.run(`publishing ${what}`, () => {
      // Signed at each attempt: an outage may be longer than a signature of a start request holds.
      const { lines, mark } = signing.sealStart(subject, json, infoWritten, link.clock.now());
      const idLine = anew ? "" : `Nats-Msg-Id: ${id}${mark}\r\n`;
      return this.#publish(subject, body, new RawHeaders(idLine + infoLine(infoWritten) + lines));
    });
    // A repetition of our own counts as one too: whoever asks compares what is there with what was wanted.
    return { seq: ack.seq, duplicate: ack.duplicate === true };
  }

  async startAt(seq: number): Promise<StartRequest | null> {
    const { names, persistence, runMessages } = this.#parts;
    const message = await persistence.run(`reading the start request ${seq}`, () =>
      runMessages.reader.at(seq),
    );
    if (message === null) return null;
    const workflow = readStartSubject(names, message.subject);
    if (workflow === null) return null;
    const messageId = message.headers?.get("Nats-Msg-Id") || null;
    const raw = {
      workflow,
      seq,
      acceptedAt: message.storedAt,
      messageId: messageId === null ? null : runIdOfStart(messageId),
      body: message.body,
    };
    return readStart(raw, names.namespace);
  }

  startsWaiting(limit: number, after = 0): Promise<readonly QueuedStart[]> {
    const { names, persistence, runMessages } = this.#parts;
    return persistence.run("reading the start requests", () =>
      readStarts(runMessages.reader, names, limit, after),
    );
  }

  async requeueStart(start: QueuedStart): Promise<void> {
    const { link, names, persistence, runMessages, signing } = this.#parts;
    const { workflow, seq, infoWritten } = start;
    const isThere = await persistence.run(`queueing start request ${seq} again`, async () => {
      const stored = await runMessages.reader.at(seq);
      // A queue that has lost messages gives their places to others.
      if (stored?.subject !== names.start(workflow)) return false;
      const now = link.clock.now();
      const { lines, body } = signing.reseal({ ...stored, kind: "start" }, start.body, now);
      // Without a message id: the queue may remember that of the message which it has lost.
      const headers = new RawHeaders(infoLine(infoWritten) + lines);
      await this.#publish(stored.subject, body, headers);
      return true;
    });
    if (isThere) await this.drop(seq);
  }

  async enqueue(items: readonly QueuedItem[]): Promise<void> {
    await inParallel(items, WIDTH, (item) => this.#enqueue(item));
  }

  async schedule(item: QueuedItem, atMs: number): Promise<void> {
    const { names, persistence, signing } = this.#parts;
    const { workflow, runId } = item;
    const at = new Date(atMs).toISOString();
    const target = names.work(workflow, runId, item.item);
    const body = workBody(item);
    // The server copies the signature to the message that it makes of the schedule: it is for that one's subject.
    const { lines } = signing.sealItem(target, body);
    const headers = new RawHeaders(
      `Nats-Schedule: @at ${at}\r\nNats-Schedule-Target: ${target}\r\n${lines}`,
    );
    const subject = names.sched(workflow, runId, item.item, item.turn);
    await persistence.run(`scheduling item ${item.item} of run "${runId}"`, () =>
      this.#publish(subject, body, headers),
    );
  }

  async unschedule(workflow: string, runId: string, item: number, turn: number): Promise<void> {
    const { names, persistence, runMessages } = this.#parts;
    await persistence.run(`unscheduling item ${item} of run "${runId}"`, () =>
      runMessages.purgeSchedules(names.sched(workflow, runId, item, turn)),
    );
  }

  async pull(
    source: QueueSource,
    max: number,
    deliver: (delivery: Delivery) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { consumers, link, logger } = this.#parts;
    if (!link.isUp) await this.#connected(signal);
    if (signal.aborted) return;
    await consumers.prepare(source.workflow);
    const take = (delivery: Delivery): void => {
      if (delivery.deliveries > 1) consumers.recheck(source, link.clock.elapsed());
      deliver(delivery);
    };
    try {
      await this.#puller(source).pull(max, take, signal);
    } catch (error) {
      if (!(error instanceof ConsumerGone)) throw error;
      logger.warn({ ...source }, "the consumer of the work queue is gone: making it again");
      consumers.forget(source.workflow);
      await consumers.prepare(source.workflow);
    }
  }

  dropRun(workflow: string, runId: string): Promise<number> {
    const { persistence, runMessages } = this.#parts;
    return persistence.run(`dropping the queued items of run "${runId}"`, () =>
      runMessages.drop(workflow, runId),
    );
  }

  queued(workflow: string, runId: string): Promise<readonly QueuedMessage[]> {
    const { persistence, runMessages } = this.#parts;
    return persistence.run(`reading the queued items of run "${runId}"`, () =>
      runMessages.list(workflow, runId),
    );
  }

  oldest(workflow: string, limit: number): Promise<readonly OldMessage[]> {
    const { persistence, runMessages } = this.#parts;
    return persistence.run(`reading the oldest queued items of workflow "${workflow}"`, () =>
      runMessages.oldest(workflow, limit),
    );
  }

  async drop(seq: number): Promise<void> {
    const { persistence, runMessages } = this.#parts;
    await persistence.run(`dropping message ${seq} of the work queue`, () =>
      runMessages.delete(seq),
    );
  }

  async ackFloor(source: QueueSource): Promise<number> {
    const info = await this.#parts.consumers.info(source);
    if (info === null) return 0;
    // A consumer that came back older or newer than its stream may say less, and hands out nothing it has handed out.
    const settled = info.num_ack_pending === 0 ? info.delivered.stream_seq : 0;
    return Math.max(info.ack_floor.stream_seq, settled);
  }

  replaceAhead(workflow: string): Promise<readonly string[]> {
    const { consumers, runMessages, persistence } = this.#parts;
    return consumers.replaceAhead(workflow, async () => {
      const what = "reading where the work stream ends";
      return (await persistence.run(what, () => runMessages.reader.bounds())).last;
    });
  }

  backlog(): Promise<readonly Backlog[]> {
    const { jsm, names, persistence } = this.#parts;
    return persistence.manage("reading the backlog", () => readBacklog(jsm, names));
  }

  /** Ends all pulls. */
  async close(): Promise<void> {
    await Promise.all([...this.#pullers.values()].map((puller) => puller.close()));
    this.#pullers.clear();
  }

  #enqueue(item: QueuedItem): Promise<unknown> {
    const { workflow, runId } = item;
    const { names, persistence, signing } = this.#parts;
    const subject = names.work(workflow, runId, item.item);
    const body = workBody(item);
    const { lines, mark } = signing.sealItem(subject, body);
    const headers = new RawHeaders(`Nats-Msg-Id: ${itemMessageId(item)}${mark}\r\n${lines}`);
    return persistence.run(`queueing item ${item.item} of run "${runId}"`, () =>
      this.#publish(subject, body, headers),
    );
  }

  #publish(subject: string, body: string | Uint8Array, headers: RawHeaders): Promise<PubAck> {
    return this.#parts.requester.request(subject, body, headers, readPubAck);
  }

  #puller(source: QueueSource): Puller {
    const { link, names, signing, logger } = this.#parts;
    const consumer = names.consumer(source.kind, source.workflow);
    let puller = this.#pullers.get(consumer);
    if (puller === undefined) {
      puller = new Puller(link, names.workStream, consumer, source, signing, logger);
      this.#pullers.set(consumer, puller);
    }
    return puller;
  }

  async #connected(signal: AbortSignal): Promise<void> {
    const { link } = this.#parts;
    let stop = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      stop = resolve;
      signal.addEventListener("abort", stop, { once: true });
    });
    await Promise.race([link.whenUp(PULL_PATIENCE_MS), aborted]);
    signal.removeEventListener("abort", stop);
    if (!link.isUp && !signal.aborted) {
      throw new FloxideError(
        "backend",
        "pulling from the work queue: there is no connection to NATS",
      );
    }
  }
}

const infoLine = (infoWritten: boolean): string => (infoWritten ? `${INFO_WRITTEN}: 1\r\n` : "");

/** The body of an item's message. Its subject says the workflow, its message id the rest. */
function workBody({ v, runId, item, turn, revision, version, fingerprint }: QueuedItem): string {
  return JSON.stringify({ v, runId, item, turn, revision, version, fingerprint });
}
