import type { Backlog } from "../core/ports/work-queue.ts";
import { Fifo } from "./fifo.ts";
import type { Message } from "./message.ts";

/** Somebody who waits for messages. */
export interface Puller {
  /** How many more it wants. */
  wanted: number;
  readonly deliver: (message: Message) => void;
  /** Ends the wait; with an error where delivering threw. */
  readonly end: (error?: unknown) => void;
}

/**
 * The messages of one source, and who waits for them: what a consumer is on a server.
 * What comes back is handed out before what is new; pullers take turns.
 */
export class Lane {
  readonly #messages = new Map<number, Message>();
  readonly #fresh = new Fifo<Message>();
  readonly #again = new Fifo<Message>();
  readonly #take: (message: Message) => void;
  #pullers: Puller[] = [];
  #lastSeq = 0;
  #pumping = false;

  /** @param take - marks a message as taken before it is delivered */
  constructor(take: (message: Message) => void) {
    this.#take = take;
  }

  add(message: Message): void {
    this.#messages.set(message.seq, message);
    this.#lastSeq = message.seq;
    this.#fresh.push(message);
    this.#pump();
  }

  /** Hands a message out once more. */
  again(message: Message): void {
    this.#again.push(message);
    this.#pump();
  }

  remove(message: Message): void {
    this.#messages.delete(message.seq);
  }

  wait(puller: Puller): void {
    this.#pullers.push(puller);
    this.#pump();
  }

  leave(puller: Puller): void {
    this.#pullers = this.#pullers.filter((other) => other !== puller);
  }

  /** Position up to which nothing of this lane is left. */
  get floor(): number {
    for (const seq of this.#messages.keys()) return seq - 1;
    return this.#lastSeq;
  }

  /** Messages that nobody has had yet, and those that somebody has or had. */
  counts(): { readonly waiting: number; readonly inFlight: Backlog["inFlight"] } {
    let inFlight = 0;
    for (const message of this.#messages.values()) if (message.deliveries > 0) inFlight += 1;
    return { waiting: this.#messages.size - inFlight, inFlight };
  }

  /** Delivers soon, but never inside the call that brought the message: on a server it would not either. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#pullers.length > 0) {
      const message = this.#next();
      if (message === null) return;
      const puller = this.#pullers.shift();
      if (puller === undefined) return;
      puller.wanted -= 1;
      this.#take(message);
      if (puller.wanted > 0) this.#pullers.push(puller);
      try {
        puller.deliver(message);
      } catch (error) {
        puller.end(error);
        continue;
      }
      if (puller.wanted === 0) puller.end();
    }
  }

  #next(): Message | null {
    for (const queue of [this.#again, this.#fresh]) {
      for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
        if (message.state === "ready") return message;
      }
    }
    return null;
  }
}
