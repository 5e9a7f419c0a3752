import { createInbox, type Msg, nanos, type Subscription } from "@nats-io/nats-core";
import { sleep } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Delivery, QueueSource } from "../core/ports/work-queue.ts";
import { consumerApi } from "./api-subjects.ts";
import { JetStreamDelivery } from "./delivery.ts";
import { headersOf } from "./headers-of.ts";
import { LateMessages } from "./late-messages.ts";
import type { Link } from "./link.ts";
import { statusError } from "./pull-status.ts";
import type { Signing } from "./signing.ts";
import { translateError } from "./translate-error.ts";

// Takes messages of one consumer for any number of pulls. The client's own `fetch` makes a subscription, a timer and an
// iterator each time; `next` is good for four thousand a second.
//
// L1. Demand: what the server has been asked for and has not answered. It is never more than the waiting pulls want, so
//     that no message lies here while another worker is idle. A new pull asks only for what is not on its way already.
// L2. A message goes to the pull that waits longest. With no pull waiting it is given back, in a cluster after a moment.
// L3. When the last pull is gone and demand is left, the subscription is given up: the server then drops the requests, as
//     nobody listens. What still comes until it has noticed is given back. In a cluster the leader that has the requests
//     may notice later than the server that has the connection, and what it sends meanwhile would be lost until its
//     acknowledgement wait is over. So the subscription is kept for a while there: where messages wait, they soon use up
//     what was asked for, and are given back. A pull that begins takes over what is left, and what came just before.
// L4. A lost connection ends all pulls at once. So does a request that the server answers with a status.
// L5. The server ends each request when its time is over. When it fails to, the requests are taken for lost: 44 seconds
//     after the last word of the server at the latest. In a cluster the leader that has them may die while the connection to
//     another server lives: there the server sends heartbeats while a request waits, and it is 16 seconds.
// L6. While nothing comes, a process wakes for little else than this: one timer looks whether it was silent for too long.

/**
 * How long the server keeps a request, in milliseconds: an idle pull ends after that. A machine that vanishes attracts
 * messages for so long, and a lost request may wait for so long: less wakes idle processes more often.
 */
const EXPIRES_MS = 40_000;
/** In a cluster. More often costs messages and wakes idle processes. */
const HEARTBEAT_MS = 10_000;
/** One missing word is enough: asking again costs little. */
const SILENCE_MS = EXPIRES_MS + 3_000;
const SILENCE_IN_CLUSTER_MS = 1.5 * HEARTBEAT_MS;
/** How long a subscription that nobody waits for is kept in a cluster, and one that closes, in milliseconds. */
const LINGER_MS = 1_000;
const LAST_LINGER_MS = 200;
/** What has come to a process that did not listen is read within this time, in milliseconds. */
const CONFIRM_MS = 1_000;

interface Pull {
  left: number;
  readonly deliver: (delivery: Delivery) => void;
  readonly settle: (error?: Error) => void;
}

interface Inbox {
  readonly prefix: string;
  readonly subscription: Subscription;
  demand: number;
}

/** Takes messages from one consumer. */
export class Puller {
  readonly #link: Link;
  readonly #source: QueueSource;
  readonly #api: string;
  readonly #signing: Signing;
  readonly #logger: Logger;
  readonly #pulls: Pull[] = [];
  readonly #unwatch: () => void;
  readonly #late: LateMessages<JetStreamDelivery>;
  #stopWatchdog: (() => void) | null = null;
  #stopLinger: (() => void) | null = null;
  #inbox: Inbox | null = null;
  #requests = 0;
  #heardAt = 0;
  #askedAt = 0;
  #silenceMs = SILENCE_MS;
  #isSuspicious = false;

  constructor(
    link: Link,
    stream: string,
    consumer: string,
    source: QueueSource,
    signing: Signing,
    logger: Logger,
  ) {
    this.#link = link;
    this.#source = source;
    this.#signing = signing;
    this.#logger = logger;
    this.#late = new LateMessages(link.clock);
    this.#api = consumerApi.next(stream, consumer);
    this.#unwatch = link.watch({
      onLost: () => this.#forget(),
      onRefused: (operation, subject, error) => this.#refused(operation, subject, error),
    });
  }

  /**
   * Hands over up to `max` messages as they come. Ends when they have come, when the server ends the request, when the
   * connection is lost, or when the signal is aborted: then after late messages have been given back, but in a cluster (L3).
   *
   * @throws ConsumerGone, or FloxideError `backend`
   */
  pull(max: number, deliver: (delivery: Delivery) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted || max < 1) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#drop(pull);
        this.#releaseDemand().then(resolve, reject);
      };
      const settle = (error?: Error) => {
        signal.removeEventListener("abort", onAbort);
        error === undefined ? resolve() : reject(error);
      };
      const pull: Pull = { left: max, deliver, settle };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#pulls.push(pull);
      for (const delivery of this.#late.take()) this.#give(delivery);
      this.#ask();
    });
  }

  /** Ends all pulls and stops. */
  async close(): Promise<void> {
    this.#unwatch();
    this.#endWatch();
    this.#endAll();
    if (this.#link.isInCluster && this.#isAsking) await sleep(this.#link.clock, LAST_LINGER_MS);
    await this.#giveUp();
    this.#late.giveBack();
    this.#forget();
  }

  #ask(): void {
    try {
      this.#inbox ??= this.#listen();
      const wanted = this.#pulls.reduce((sum, pull) => sum + pull.left, 0);
      const batch = wanted - this.#inbox.demand;
      if (batch > 0) {
        const request = `{"batch":${batch},"expires":${nanos(EXPIRES_MS)}${this.#heartbeats()}}`;
        const reply = this.#inbox.prefix + (this.#requests++).toString(36);
        this.#link.nc.publish(this.#api, request, { reply });
        this.#inbox.demand = wanted;
        this.#askedAt = this.#link.clock.elapsed();
        this.#heardAt = this.#askedAt;
      }
      if (this.#stopWatchdog === null) this.#lookIn(this.#silenceMs);
    } catch (error) {
      this.#endAll(translateError(error, "pulling from the work queue"));
    }
  }

  /** What a request says of heartbeats: a server that is alone cannot go without its connections. */
  #heartbeats(): string {
    this.#silenceMs = this.#link.isInCluster ? SILENCE_IN_CLUSTER_MS : SILENCE_MS;
    return this.#link.isInCluster ? `,"idle_heartbeat":${nanos(HEARTBEAT_MS)}` : "";
  }

  #listen(): Inbox {
    const prefix = `${createInbox(this.#link.inboxPrefix)}.`;
    const subscription = this.#link.nc.subscribe(`${prefix}*`, {
      callback: (error, msg) => {
        if (error === null) this.#take(inbox, msg);
      },
    });
    const inbox: Inbox = { prefix, subscription, demand: 0 };
    return inbox;
  }

  #take(inbox: Inbox, msg: Msg): void {
    this.#heardAt = this.#link.clock.elapsed();
    const isCurrent = inbox === this.#inbox;
    if (msg.subject.startsWith(inbox.prefix)) {
      if (isCurrent) this.#status(inbox, msg);
      return;
    }
    inbox.demand--;
    this.#give(new JetStreamDelivery(this.#link.nc, this.#source, msg, this.#signing));
    // A late one of an inbox that was given up may have ended the last pull too: then nobody waits for what the new one asked.
    if (this.#pulls.length === 0) void this.#releaseDemand();
  }

  #give(delivery: JetStreamDelivery): void {
    const pull = this.#pulls[0];
    if (pull === undefined) {
      this.#link.isInCluster ? this.#late.hold(delivery) : delivery.giveBack();
      return;
    }
    pull.left--;
    if (pull.left === 0) this.#pulls.shift();
    try {
      pull.deliver(delivery);
      if (pull.left === 0) pull.settle();
    } catch (error) {
      this.#drop(pull);
      pull.settle(error as Error);
    }
  }

  #status(inbox: Inbox, msg: Msg): void {
    const headers = headersOf(msg);
    const { code = 0, description = "" } = headers ?? {};
    if (code === 100) return;
    inbox.demand -= Number(headers?.get("Nats-Pending-Messages") || 0);
    if (code === 408) {
      this.#endWatch();
      this.#endAll();
      void this.#releaseDemand();
      return;
    }
    this.#endAll(statusError(this.#api, code, description.toLowerCase()));
    inbox.demand = Number.MAX_SAFE_INTEGER;
    void this.#giveUp();
  }

  /** True where the server still has requests that nobody waits for. */
  get #isAsking(): boolean {
    return this.#inbox !== null && this.#inbox.demand > 0 && this.#pulls.length === 0;
  }

  /** Has the server drop requests that nobody waits for (L3). */
  async #releaseDemand(): Promise<void> {
    if (!this.#isAsking) return;
    if (this.#link.isInCluster) this.#linger(LINGER_MS);
    else await this.#giveUp();
  }

  #linger(ms: number): void {
    const { clock } = this.#link;
    this.#stopLinger ??= clock.after(
      ms,
      () => {
        this.#stopLinger = null;
        // It was asked since: what was asked for last is what may be on its way.
        const leftMs = this.#askedAt + LINGER_MS - clock.elapsed();
        if (this.#isAsking && leftMs > 0) this.#linger(leftMs);
        else void this.#giveUp();
      },
      { background: true },
    );
  }

  /** Gives up the subscription of requests that nobody waits for. */
  async #giveUp(): Promise<void> {
    const inbox = this.#inbox;
    if (inbox === null || !this.#isAsking) return;
    this.#inbox = null;
    // Draining keeps taking what is on its way until the server has confirmed that nothing more comes.
    await inbox.subscription.drain().catch(() => {});
  }

  #drop(pull: Pull): void {
    const index = this.#pulls.indexOf(pull);
    if (index >= 0) this.#pulls.splice(index, 1);
  }

  #endAll(error?: Error): void {
    for (const pull of this.#pulls.splice(0)) pull.settle(error);
  }

  /** The server has dropped the requests, as when the connection is lost: what was on its way comes again. */
  #forget(): void {
    this.#inbox?.subscription.unsubscribe();
    this.#inbox = null;
    this.#stopLinger?.();
    this.#stopLinger = null;
    this.#endAll();
  }

  #refused(operation: string, subject: string, error: Error): void {
    const inbox = operation === "publish" ? this.#api : `${this.#inbox?.prefix}*`;
    if (subject === inbox) this.#endAll(translateError(error, "pulling from the work queue"));
  }

  #lookIn(ms: number): void {
    const { clock } = this.#link;
    this.#stopWatchdog = clock.after(ms, () => this.#checkSilence(), { background: true });
  }

  #endWatch(): void {
    this.#stopWatchdog?.();
    this.#stopWatchdog = null;
    this.#isSuspicious = false;
  }

  #checkSilence(): void {
    this.#stopWatchdog = null;
    const wasSuspicious = this.#isSuspicious;
    this.#isSuspicious = false;
    if (this.#pulls.length === 0) return;
    const { clock, isUp } = this.#link;
    const leftMs = this.#heardAt + this.#silenceMs - clock.elapsed();
    if (leftMs > 0 || !isUp || !wasSuspicious) {
      // The first time it may be this process that did not listen: what has come is read before the next look.
      this.#isSuspicious = leftMs <= 0 && isUp;
      this.#lookIn(leftMs > 0 ? leftMs : CONFIRM_MS);
      return;
    }
    this.#logger.warn({ ...this.#source }, "the work queue is silent: asking again");
    if (this.#inbox !== null) this.#inbox.demand = Number.MAX_SAFE_INTEGER;
    this.#endAll();
    void this.#giveUp();
  }
}
