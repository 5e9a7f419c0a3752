import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection, QueuedIterator, Status } from "@nats-io/nats-core";
import { type Clock, systemClock } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import { bytesOf, type JsonPart } from "../core/json-texts.ts";
import type { Logger } from "../core/logger.ts";
import { NoAnswer } from "./no-answer.ts";
import { Outage } from "./outage.ts";

/** Logged for each subject that the server refuses. */
export const SUBJECT_REFUSED = "NATS refuses the subject: the permission is missing";

/** Left for headers and the protocol line of a message of the largest size. */
const HEADROOM_BYTES = 1_024;

/** What happens to the connection, for those who have something in flight on it. */
export interface LinkWatcher {
  /** The connection was lost: nothing that was in flight will be answered. */
  onLost?(): void;
  /** The client pings its server: the process has been woken for it. */
  onPing?(): void;
  /** The connection is closed, by its host or because it gave up: it does not come back. */
  onGone?(): void;
  /** The server refused a publish or a subscription. */
  onRefused?(operation: "publish" | "subscription", subject: string, error: Error): void;
}

/**
 * A NATS connection and its state.
 *
 * The client itself neither fails what is in flight when a connection breaks (it waits for the time-out) nor sends what
 * is published while there is none. So whoever waits is told here, and nothing is sent before {@link whenUp}.
 */
export class Link {
  readonly nc: NatsConnection;
  readonly clock: Clock;
  /** Prefix of inboxes that this connection may use. */
  readonly inboxPrefix: string | undefined;
  readonly #logger: Logger;
  readonly #watchers = new Set<LinkWatcher>();
  readonly #waiters = new Set<() => void>();
  readonly #statuses: AsyncIterable<Status>;
  /** Since the connection was lost, until it is back. */
  #outage: Outage | null = null;
  #up: boolean;
  #gone: boolean;
  #maxPayload: number;

  constructor(nc: NatsConnection, logger: Logger, clock: Clock = systemClock) {
    this.nc = nc;
    this.clock = clock;
    this.#logger = logger;
    this.#gone = nc.isClosed();
    this.#up = !this.#gone && nc.info !== undefined;
    this.#maxPayload = nc.info?.max_payload ?? 1_048_576;
    this.inboxPrefix = jetstream(nc).getOptions().watcherPrefix;
    this.#statuses = nc.status();
    void this.#follow();
  }

  /** Looks at the connection no more. Whoever waits for it stops waiting. The connection stays as it is. */
  close(): void {
    this.#gone = true;
    this.#outage?.end();
    this.#setUp(false);
    // The client's iterator, which alone ends a wait that has begun.
    (this.#statuses as Partial<QueuedIterator<Status>>).stop?.();
  }

  /** False from the moment the connection is lost until it is back. */
  get isUp(): boolean {
    return this.#up;
  }

  /** True where the server is one of several: what is sent may be lost with another one, while the connection lives. */
  get isInCluster(): boolean {
    return this.nc.info?.cluster !== undefined;
  }

  /** True when it is closed for good, or nobody looks at it any more. */
  get isGone(): boolean {
    return this.#gone || this.nc.isClosed();
  }

  /** Largest value that can be sent, in bytes. */
  get maxValueBytes(): number {
    this.#maxPayload = this.nc.info?.max_payload ?? this.#maxPayload;
    return this.#maxPayload - HEADROOM_BYTES;
  }

  /** @returns how to stop watching */
  watch(watcher: LinkWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Waits until the connection is up, it is closed, or the time is over. */
  whenUp(timeoutMs: number): Promise<void> {
    if (this.#up || this.isGone) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#waiters.delete(done);
        resolve();
      };
      const cancel = this.clock.after(timeoutMs, done);
      this.#waiters.add(done);
    });
  }

  /**
   * Gives up what the client does when the connection is lost: it would wait for its time-out.
   *
   * @throws NoAnswer
   */
  whileUp<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.#up) return Promise.reject(new NoAnswer("disconnected", what));
    return new Promise((resolve, reject) => {
      const unwatch = this.watch({ onLost: () => reject(new NoAnswer("disconnected", what)) });
      work().then(resolve, reject).finally(unwatch);
    });
  }

  /**
   * Checks the size of a value.
   *
   * @param what - names the value in the message
   * @param spareBytes - what it must leave free
   * @throws FloxideError `payload_too_large` with `details` `{ bytes, limit }`
   */
  checkSize(bytes: number, what: string, spareBytes = 0): void {
    const limit = this.maxValueBytes - spareBytes;
    if (bytes <= limit) return;
    throw new FloxideError(
      "payload_too_large",
      `${what} is ${bytes} bytes, the server takes ${limit} (its max_payload less ${HEADROOM_BYTES + spareBytes} for what goes with it)`,
      { details: { bytes, limit } },
    );
  }

  /** The JSON as bytes, checked as {@link checkSize} does. */
  encode(json: JsonPart, what: string, spareBytes = 0): Uint8Array {
    const bytes = bytesOf(json);
    this.checkSize(bytes.length, what, spareBytes);
    return bytes;
  }

  async #follow(): Promise<void> {
    for await (const status of this.#statuses) {
      if (this.#gone) break;
      this.#see(status);
    }
    const isClosedByOthers = !this.#gone;
    this.#gone = true;
    this.#outage?.end();
    this.#setUp(false);
    if (!isClosedByOthers) return;
    this.#logger.error({}, "the NATS connection is closed for good: nothing on it works any more");
    for (const watcher of this.#watchers) watcher.onGone?.();
  }

  #see(status: Status): void {
    switch (status.type) {
      case "disconnect":
        this.#lost(status.server);
        break;
      case "reconnecting":
        this.#outage?.tries();
        break;
      case "reconnect":
        this.#isBack(status.server);
        break;
      case "error":
        this.#said(status.error);
        break;
      case "ping":
        for (const watcher of this.#watchers) watcher.onPing?.();
        break;
      case "staleConnection":
      case "ldm":
      case "slowConsumer":
      case "close":
        this.#logger.info({ status: status.type }, "NATS connection status");
        break;
      default:
    }
  }

  /** The client says the same of a connection that it tried to make, and that the server ended. */
  #lost(server: string): void {
    if (this.#outage === null) {
      this.#logger.warn({ server }, "NATS connection lost");
      this.#outage = new Outage(server, this.#logger, this.clock);
    }
    this.#setUp(false);
  }

  /** The client says it once for each of its tries that the server had ended. */
  #isBack(server: string): void {
    if (this.#outage !== null) this.#logger.info({ server }, "NATS connection is back");
    this.#outage?.end();
    this.#outage = null;
    this.#setUp(true);
  }

  #setUp(up: boolean): void {
    this.#up = up;
    if (!up) for (const watcher of this.#watchers) watcher.onLost?.();
    if (up || this.#gone) for (const waiter of [...this.#waiters]) waiter();
  }

  /** By its looks: a connection of the host may come from another copy of the client. */
  #said(error: Error): void {
    const { operation, subject } = error as { operation?: unknown; subject?: unknown };
    const isKnown = operation === "publish" || operation === "subscription";
    if (!isKnown || typeof subject !== "string") {
      // The stack is the client's own, and says nothing of why.
      if (this.#outage === null) {
        this.#logger.warn({ reason: error.message }, "NATS says that something is wrong");
      } else this.#outage.refuses(error.message);
      return;
    }
    this.#logger.warn({ operation, subject }, SUBJECT_REFUSED);
    for (const watcher of this.#watchers) watcher.onRefused?.(operation, subject, error);
  }
}
