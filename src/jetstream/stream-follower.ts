import { AckPolicy, DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { createInbox, type Msg, nanos, type Subscription } from "@nats-io/nats-core";
import { every } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { headersOf } from "./headers-of.ts";
import type { Link } from "./link.ts";
import type { Persistence } from "./persist.ts";

// Follows a stream from its end on, missing nothing.
//
// W1. The position of the last message seen is kept here. Whenever the server's consumer may be gone or may have skipped
//     something (reconnect, silence, a gap in its numbers), another is made that begins right after that position.
// W2. The first position is the stream's end before the consumer is made, so that the wait for it misses nothing. The
//     client's own ordered consumer begins at the start of the stream when it breaks before its first message.
// W3. A stream that was cut back and has grown again may have passed that position with messages that were never seen.
//     Nobody can tell, so whoever listens is told that it began anew, and looks for himself.
// W4. The consumer is ephemeral and in memory: it goes by itself when nobody listens.

const HEARTBEAT_MS = 3_000;
const SILENCE_MS = 2.5 * HEARTBEAT_MS;
const LOOK_MS = 1_000;
const RETRY_MS = 5_000;
const INACTIVE_MS = 30_000;

/** What to follow. */
export interface Followed {
  readonly stream: string;
  readonly subjects: readonly string[];
  readonly onMessage: (msg: Msg) => void;
  /** It began anew after it had lost touch: where the stream has lost messages, it may have missed some. */
  readonly onAnew?: () => void;
  /** The connection is closed for good. */
  readonly onGone?: () => void;
}

/** Follows a stream. */
export class StreamFollower {
  readonly #link: Link;
  readonly #jsm: JetStreamManager;
  readonly #persistence: Persistence;
  readonly #logger: Logger;
  readonly #followed: Followed;
  #subscription: Subscription | null = null;
  #unwatch: () => void = () => {};
  #stopWatchdog: () => void = () => {};
  #seen = 0;
  #delivered = 0;
  #heardAt = 0;
  #hasLostTouch = false;
  #isClosed = false;

  constructor(
    link: Link,
    jsm: JetStreamManager,
    persistence: Persistence,
    logger: Logger,
    followed: Followed,
  ) {
    this.#link = link;
    this.#jsm = jsm;
    this.#persistence = persistence;
    this.#logger = logger;
    this.#followed = followed;
  }

  /** Begins at the end of the stream: what is written after this has resolved is seen. */
  async open(): Promise<void> {
    const { stream } = this.#followed;
    const info = await this.#persistence.manage(`reading the stream "${stream}"`, () =>
      this.#jsm.streams.info(stream),
    );
    this.#seen = info.state.last_seq;
    await this.#begin();
    this.#unwatch = this.#link.watch({
      onLost: () => this.#afterLoss("the connection was lost"),
      onGone: () => this.#end(),
    });
    const look = () => {
      const silentMs = this.#link.clock.elapsed() - this.#heardAt;
      if (this.#link.isUp && silentMs > SILENCE_MS) this.#afterLoss("the server is silent");
    };
    this.#stopWatchdog = every(this.#link.clock, LOOK_MS, look, { background: true });
  }

  /** Stops. The consumer goes by itself. */
  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#stopWatchdog();
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  #end(): void {
    if (this.#isClosed) return;
    this.close();
    this.#followed.onGone?.();
  }

  /** Meanwhile the stream may have become another one, with positions that were given anew. */
  #afterLoss(why: string): void {
    this.#hasLostTouch = true;
    this.#again(why);
  }

  #again(why: string): void {
    if (this.#isClosed || this.#subscription === null) return;
    this.#logger.debug({ stream: this.#followed.stream, why }, "following the stream anew");
    this.#subscription.unsubscribe();
    this.#subscription = null;
    this.#beginAnew();
  }

  #beginAnew(): void {
    if (this.#isClosed) return;
    this.#begin().then(
      () => {
        if (!this.#hasLostTouch || this.#isClosed) return;
        this.#hasLostTouch = false;
        this.#followed.onAnew?.();
      },
      (error: unknown) => {
        if (this.#isClosed) return;
        if (this.#link.isGone) return this.#end();
        this.#logger.error(
          { stream: this.#followed.stream, err: error },
          "the stream cannot be followed: trying again",
        );
        this.#link.clock.after(RETRY_MS, () => this.#beginAnew(), { background: true });
      },
    );
  }

  async #begin(): Promise<void> {
    const { stream, subjects } = this.#followed;
    await this.#persistence.manage(`following the stream "${stream}"`, async () => {
      if (this.#isClosed) return;
      const { state } = await this.#jsm.streams.info(stream);
      // The stream came back with less than was seen: what it has now is told from its beginning.
      if (state.last_seq < this.#seen) this.#seen = 0;
      if (this.#isClosed) return;
      // A new inbox each time: what an older consumer still sends goes nowhere.
      this.#subscription?.unsubscribe();
      const inbox = createInbox(this.#link.inboxPrefix);
      this.#delivered = 0;
      this.#heardAt = this.#link.clock.elapsed();
      this.#subscription = this.#listen(inbox);
      await this.#jsm.consumers.add(stream, {
        deliver_subject: inbox,
        filter_subjects: [...subjects],
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: this.#seen + 1,
        ack_policy: AckPolicy.None,
        idle_heartbeat: nanos(HEARTBEAT_MS),
        flow_control: true,
        inactive_threshold: nanos(INACTIVE_MS),
        mem_storage: true,
        num_replicas: 1,
      });
    });
  }

  #listen(inbox: string): Subscription {
    const subscription = this.#link.nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (error !== null || subscription !== this.#subscription) return;
        this.#heardAt = this.#link.clock.elapsed();
        if (msg.subject === inbox) this.#status(msg);
        else this.#take(msg);
      },
    });
    return subscription;
  }

  #take(msg: Msg): void {
    const tokens = (msg.reply ?? "").split(".");
    const first = tokens.length === 9 ? 4 : 6;
    const [seq, delivered] = [Number(tokens[first + 1]), Number(tokens[first + 2])];
    if (delivered !== this.#delivered + 1) {
      this.#again("a message is missing");
      return;
    }
    this.#delivered = delivered;
    this.#seen = seq;
    this.#followed.onMessage(msg);
  }

  /** The server asks now and then whether we keep up; it waits for the answer. */
  #status(msg: Msg): void {
    const headers = headersOf(msg);
    if (headers?.code !== 100) {
      this.#again(`the server says "${headers?.description}"`);
      return;
    }
    if (msg.reply !== undefined && msg.reply !== "") {
      this.#link.nc.publish(msg.reply);
      return;
    }
    const stalled = headers.get("Nats-Consumer-Stalled");
    if (stalled !== "") this.#link.nc.publish(stalled);
    const last = Number(headers.get("Nats-Last-Consumer") || 0);
    if (last > this.#delivered) this.#again("a message is missing");
  }
}
