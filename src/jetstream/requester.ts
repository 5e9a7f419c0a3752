import { createInbox, type Msg, type Subscription } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import { Places } from "../core/places.ts";
import { headersOf } from "./headers-of.ts";
import type { Link } from "./link.ts";
import { NoAnswer } from "./no-answer.ts";
import type { RawHeaders } from "./raw-headers.ts";

// Request and reply over one inbox, as the client's own `request`, but
// R1. what is in flight fails at once when the connection is lost, instead of after its time-out;
// R2. nothing is sent while there is no connection: the client would drop it, or send it later;
// R3. a request may have many replies;
// R4. it costs one promise: no timer, no stack trace and no race for each request (every step pays this price).

interface Waiting {
  /** What its replies are addressed to. */
  token: string;
  readonly subject: string;
  deadline: number;
  /** @returns true for the last reply */
  reply(msg: Msg): boolean;
  fail(error: Error): void;
}

/** Time-outs are looked for no more often than this, in milliseconds: they are late by this much at most. */
const SWEEP_MS = 100;

/** Sends requests and gives back their replies. */
export class Requester {
  readonly #link: Link;
  readonly #timeoutMs: number;
  readonly #waiting = new Places<Waiting>();
  readonly #inbox: string;
  #subscription: Subscription | null = null;
  #count = 0;
  #stopSweep: () => void = () => {};
  /** When time-outs are looked for next, on the clock that never jumps. */
  #sweepAt = Number.POSITIVE_INFINITY;
  readonly #unwatch: () => void;

  /** @param timeoutMs - how long a request may stay unanswered where the call does not say, in milliseconds */
  constructor(link: Link, timeoutMs: number) {
    this.#link = link;
    this.#timeoutMs = timeoutMs;
    this.#inbox = `${createInbox(link.inboxPrefix)}.`;
    this.#unwatch = link.watch({
      onLost: () => this.#failAll((subject) => new NoAnswer("disconnected", subject)),
      onRefused: (operation, subject, error) => this.#refused(operation, subject, error),
    });
  }

  /**
   * One request, one reply.
   *
   * @param read - makes the result of the reply; what it throws is what the caller gets
   * @param timeoutMs - how long it may stay unanswered, where that is longer than usual, in milliseconds
   * @throws NoAnswer
   */
  request<T>(
    subject: string,
    payload: string | Uint8Array,
    headers: RawHeaders | undefined,
    read: (msg: Msg) => T,
    timeoutMs = 0,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#send(subject, payload, headers, {
        token: "",
        subject,
        deadline: this.#link.clock.elapsed() + Math.max(timeoutMs, this.#timeoutMs),
        reply: (msg) => {
          try {
            if (isNoResponders(msg)) throw new NoAnswer("no_responders", subject);
            resolve(read(msg));
          } catch (error) {
            reject(error);
          }
          return true;
        },
        fail: reject,
      });
    });
  }

  /**
   * One request, many replies.
   *
   * @param onReply - returns true for the last one
   * @param onTimeout - `end`: the time-out is for all replies, and what came until then is all; `fail`: it is for each
   *   reply, and an error
   */
  collect(
    subject: string,
    payload: string,
    onReply: (msg: Msg) => boolean,
    options: { readonly timeoutMs?: number; readonly onTimeout: "end" | "fail" },
  ): Promise<void> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        token: "",
        subject,
        deadline: this.#link.clock.elapsed() + timeoutMs,
        reply: (msg) => {
          try {
            if (isNoResponders(msg)) throw new NoAnswer("no_responders", subject);
            if (!onReply(msg)) {
              if (options.onTimeout === "fail")
                waiting.deadline = this.#link.clock.elapsed() + timeoutMs;
              return false;
            }
            resolve();
          } catch (error) {
            reject(error);
          }
          return true;
        },
        fail: (error) => {
          const isEnd = options.onTimeout === "end" && (error as NoAnswer).reason === "timeout";
          isEnd ? resolve() : reject(error);
        },
      };
      this.#send(subject, payload, undefined, waiting);
    });
  }

  /** Fails what is in flight and stops. */
  close(): void {
    this.#unwatch();
    this.#stopSweep();
    this.#sweepAt = Number.POSITIVE_INFINITY;
    this.#subscription?.unsubscribe();
    this.#failAll((subject) => new NoAnswer("disconnected", subject));
  }

  #send(
    subject: string,
    payload: string | Uint8Array,
    headers: RawHeaders | undefined,
    waiting: Waiting,
  ): void {
    if (subject.length > MAX_SUBJECT) {
      waiting.fail(tooLong(subject));
      return;
    }
    if (!this.#link.isUp) {
      waiting.fail(new NoAnswer("disconnected", subject));
      return;
    }
    const place = this.#waiting.enter(waiting);
    waiting.token = `${place.toString(36)}_${(this.#count++).toString(36)}`;
    try {
      this.#listen();
      this.#sweepBy(waiting.deadline);
      const reply = this.#inbox + waiting.token;
      this.#link.nc.publish(
        subject,
        payload,
        headers === undefined ? { reply } : { reply, headers: headers.toSend },
      );
    } catch (error) {
      this.#waiting.leave(place);
      waiting.fail(error as Error);
    }
  }

  /** Fails those that are to fail. */
  #fail(error: (waiting: Waiting) => Error | null): void {
    for (const waiting of this.#waiting.all()) {
      const why = error(waiting);
      if (why === null) continue;
      this.#waiting.leave(placeOf(waiting.token));
      waiting.fail(why);
    }
  }

  #listen(): void {
    if (this.#subscription === null || this.#subscription.isClosed()) {
      const cut = this.#inbox.length;
      this.#subscription = this.#link.nc.subscribe(`${this.#inbox}*`, {
        callback: (error, msg) => {
          if (error === null) this.#take(msg.subject.slice(cut), msg);
        },
      });
    }
  }

  /** Looks for overdue requests when the first of them would be: a process that only waits is not woken before. */
  #sweepBy(deadline: number): void {
    if (deadline >= this.#sweepAt) return;
    this.#stopSweep();
    const { clock } = this.#link;
    this.#sweepAt = deadline;
    const ms = Math.max(0, Math.ceil(deadline - clock.elapsed()));
    this.#stopSweep = clock.after(ms, () => this.#sweep(), { background: true });
  }

  #take(token: string, msg: Msg): void {
    const place = placeOf(token);
    const waiting = this.#waiting.at(place);
    // A late reply is addressed to one that waited there before.
    if (waiting?.token === token && waiting.reply(msg)) this.#waiting.leave(place);
  }

  #sweep(): void {
    const now = this.#link.clock.elapsed();
    this.#sweepAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    this.#fail(({ deadline, subject }) => {
      if (deadline <= now) return new NoAnswer("timeout", subject);
      next = Math.min(next, deadline);
      return null;
    });
    if (Number.isFinite(next)) this.#sweepBy(Math.max(next, now + SWEEP_MS));
  }

  #failAll(error: (subject: string) => Error): void {
    this.#fail(({ subject }) => error(subject));
  }

  #refused(operation: "publish" | "subscription", subject: string, error: Error): void {
    if (operation === "subscription") {
      if (subject === `${this.#inbox}*`) this.#failAll(() => error);
      return;
    }
    this.#fail((waiting) => (waiting.subject === subject ? error : null));
  }
}

/** A token begins with the place, in base 36. What follows tells it from those of others that had the place. */
const placeOf = (token: string): number => Number.parseInt(token, 36);

/** Longest subject, in characters. A longer line than 4 KiB would make the server end the connection. */
const MAX_SUBJECT = 2_000;

const tooLong = (subject: string): FloxideError =>
  new FloxideError(
    "validation",
    `a name is too long for a subject of NATS: "${subject.slice(0, 100)}…" is ${subject.length} characters`,
    { details: { length: subject.length, limit: MAX_SUBJECT } },
  );

const isNoResponders = (msg: Msg): boolean => msg.data.length === 0 && headersOf(msg)?.code === 503;
