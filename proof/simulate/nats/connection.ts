import {
  ClosedConnectionError,
  createInbox,
  type Msg,
  type NatsConnection,
  TimeoutError,
} from "@nats-io/nats-core";
import type { Clock } from "../../../src/core/clock.ts";
import { matcher, NO_HEADERS, type Packet, readHeaders, textOf, toMsg } from "./message.ts";
import type { Publish, SimServer } from "./server.ts";

// The client's end of a connection, with the part of the official client's face that floxide uses. What is published
// goes out in order and what comes in is taken in order; when each of it moves is the scheduler's to say. While the
// connection is down nothing is kept: what is published then is lost, as the real client's timed-out publishes are.

interface Subscribed {
  readonly fits: (subject: string) => boolean;
  readonly callback: (error: Error | null, msg: Msg) => void;
  isOpen: boolean;
}

const PONG = "pong";

interface Incoming {
  /** What keeps its order. */
  readonly source: string;
  take(): void;
}

type ClientOp =
  | { readonly type: "publish"; readonly message: Publish }
  | { readonly type: "subscribe"; readonly subscribed: Subscribed }
  | { readonly type: "unsubscribe"; readonly subscribed: Subscribed }
  | { readonly type: "ping"; readonly pong: () => void };

/** Who hears what a connection sends and is sent. */
export interface ConnectionWatcher {
  sent(message: Publish): void;
  /** A message is on its way to the client. */
  offered(packet: Packet): void;
}

interface PublishOptions {
  readonly reply?: string;
  readonly headers?: { toString(): string } | undefined;
}

interface RequestOptions extends PublishOptions {
  readonly timeout?: number;
}

export class SimConnection {
  readonly name: string;
  readonly #server: SimServer;
  readonly #clock: Clock;
  readonly #watcher: ConnectionWatcher;
  /** What the client has sent and the server has not seen. */
  out: ClientOp[] = [];
  /** What the server has sent and the client has not taken. */
  incoming: Incoming[] = [];
  isUp = true;
  isDead = false;
  readonly #subscribed = new Set<Subscribed>();
  /** Those the server knows of. */
  readonly #known = new Set<Subscribed>();
  /** Flushes that wait. */
  readonly #flushes = new Set<() => void>();
  readonly #statuses: object[] = [];
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(name: string, server: SimServer, clock: Clock, watcher: ConnectionWatcher) {
    this.name = name;
    this.#server = server;
    this.#clock = clock;
    this.#watcher = watcher;
    server.connections.add(this);
  }

  // The scheduler's side.

  /** The server sees the next thing that the client has sent. */
  deliverNext(): void {
    const op = this.out.shift();
    if (op === undefined) return;
    if (op.type === "publish") this.#server.receive(op.message);
    else if (op.type === "subscribe") this.#known.add(op.subscribed);
    else if (op.type === "unsubscribe") this.#known.delete(op.subscribed);
    else this.incoming.push({ source: PONG, take: op.pong });
  }

  /**
   * The client takes the next thing that was sent to it. What comes from one source keeps its order; of several sources any
   * may be ahead, as each stream, consumer and client reaches the server that one is connected with on a way of its own.
   */
  takeNext(): void {
    const { incoming } = this;
    const { random } = this.#server;
    let index = 0;
    if (incoming.length > 1 && random.hits(0.5)) {
      const first = new Map<string, number>();
      for (const [i, { source }] of incoming.entries()) {
        // The answer to a ping comes after all that was sent before it.
        if (source === PONG && i > 0) break;
        if (!first.has(source)) first.set(source, i);
        if (source === PONG) break;
      }
      index = random.pick([...first.values()]);
    }
    incoming.splice(index, 1)[0]?.take();
  }

  /** The server has something on this subject. @returns false where this client does not listen to it */
  offer(subject: string, sent: Packet, source: string): boolean {
    let isHeard = false;
    for (const subscribed of this.#known) {
      if (!subscribed.fits(subject)) continue;
      isHeard = true;
      this.#watcher.offered(sent);
      const take = (): void => {
        if (!subscribed.isOpen) return;
        subscribed.callback(
          null,
          toMsg(sent, (reply, payload) => this.#publish(reply, payload)),
        );
      };
      this.incoming.push({ source, take });
    }
    return isHeard;
  }

  listens(subject: string): boolean {
    for (const { fits } of this.#known) if (fits(subject)) return true;
    return false;
  }

  /** The connection breaks: a part of what was sent still arrives, nothing of what comes in does. */
  cut(): void {
    if (!this.isUp || this.isDead) return;
    this.#lose();
    this.isUp = false;
    for (const pong of [...this.#flushes]) pong();
    this.#tell({ type: "disconnect", server: "sim" });
  }

  /** It is back, with all its subscriptions. */
  heal(): void {
    if (this.isUp || this.isDead) return;
    this.isUp = true;
    this.#server.connections.add(this);
    for (const subscribed of this.#subscribed) this.out.push({ type: "subscribe", subscribed });
    this.#tell({ type: "reconnect", server: "sim" });
  }

  /** The process dies. */
  kill(): void {
    this.isDead = true;
    this.#lose();
    this.isUp = false;
  }

  /** What was sent arrives up to a point: as if it had broken at any of the moments in between. */
  #lose(): void {
    if (this.isUp) {
      for (let arrives = this.#server.random.below(this.out.length + 1); arrives > 0; arrives--) {
        this.deliverNext();
      }
    }
    this.out = [];
    this.incoming = [];
    this.#known.clear();
    this.#server.connections.delete(this);
  }

  // The client's side.

  /** As the adapter knows it. */
  get asClient(): NatsConnection {
    const client = {
      info: { version: "2.15.1", max_payload: 1_048_576 },
      options: {},
      features: { get: () => ({ ok: true, min: "" }) },
      publish: (subject: string, payload?: string | Uint8Array, options?: PublishOptions) =>
        this.#publish(subject, payload, options),
      subscribe: (pattern: string, { callback }: { callback: Subscribed["callback"] }) =>
        this.#subscribe(pattern, callback),
      request: (subject: string, payload?: string | Uint8Array, options?: RequestOptions) =>
        this.#request(subject, payload, options),
      flush: () => this.#flush(),
      status: () => this.#status(),
      isClosed: () => this.#isClosed,
      close: async () => {
        this.#isClosed = true;
        this.kill();
      },
    };
    return client as unknown as NatsConnection;
  }

  #publish(subject: string, payload?: string | Uint8Array, options: PublishOptions = {}): void {
    if (this.#isClosed) throw new ClosedConnectionError();
    if (!this.isUp) return;
    const { reply = "", headers } = options;
    const read = headers === undefined ? NO_HEADERS : readHeaders(headers.toString());
    const message = { from: this, subject, reply, headers: read, body: textOf(payload) };
    this.out.push({ type: "publish", message });
    this.#watcher.sent(message);
  }

  #subscribe(pattern: string, callback: Subscribed["callback"]): object {
    const subscribed: Subscribed = { fits: matcher(pattern), callback, isOpen: true };
    this.#subscribed.add(subscribed);
    if (this.isUp) this.out.push({ type: "subscribe", subscribed });
    const forget = (): void => {
      this.#subscribed.delete(subscribed);
      if (this.isUp) this.out.push({ type: "unsubscribe", subscribed });
    };
    return {
      unsubscribe: () => {
        subscribed.isOpen = false;
        forget();
      },
      drain: async () => {
        forget();
        await this.#flush();
        subscribed.isOpen = false;
      },
      isClosed: () => !subscribed.isOpen,
    };
  }

  #request(
    subject: string,
    payload?: string | Uint8Array,
    { timeout = 5_000, headers }: RequestOptions = {},
  ): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const inbox = createInbox();
      const subscription = this.#subscribe(inbox, (_error, msg) => {
        done();
        resolve(msg);
      }) as { unsubscribe(): void };
      const cancel = this.#clock.after(timeout, () => {
        done();
        reject(new TimeoutError());
      });
      const done = (): void => {
        cancel();
        subscription.unsubscribe();
      };
      this.#publish(subject, payload, { reply: inbox, headers });
    });
  }

  /** The client gives a flush up when the connection breaks. */
  #flush(): Promise<void> {
    if (!this.isUp) return Promise.resolve();
    return new Promise((resolve) => {
      const pong = (): void => {
        this.#flushes.delete(pong);
        resolve();
      };
      this.#flushes.add(pong);
      this.out.push({ type: "ping", pong });
    });
  }

  #tell(status: object): void {
    this.#statuses.push(status);
    this.#wake();
  }

  #status(): AsyncIterable<object> & { stop(): void } {
    let isStopped = false;
    const stop = (): void => {
      isStopped = true;
      this.#wake();
    };
    const next = async (): Promise<IteratorResult<object>> => {
      while (this.#statuses.length === 0 && !isStopped) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const value = this.#statuses.shift();
      return isStopped || value === undefined
        ? { done: true, value: undefined }
        : { done: false, value };
    };
    return { stop, [Symbol.asyncIterator]: () => ({ next }) };
  }
}
