import type { SimTime } from "../time.ts";
import { matcher, type Packet, packet, writeHeaders } from "./message.ts";
import type { Stored } from "./replica.ts";
import type { SimStream } from "./stream.ts";

// A durable pull consumer with explicit acknowledgements, as nats-server has them: what comes back goes out before what
// is new; an acknowledgement, a "not now" and a "still working" count for the message, whoever sends them and however
// late; a request waits for as long as somebody listens to its reply.

const HEARTBEAT_MS = 5_000;

interface Request {
  readonly reply: string;
  left: number;
  readonly expiresAt: number;
}

interface Pending {
  deliveries: number;
  /** When it is handed out again; infinity while it waits to be. */
  deadline: number;
}

/** How a consumer reaches those who pull. */
export interface Outlet {
  /** @returns false where nobody listens */
  send(to: string, packet: Packet, source: string): boolean;
  listens(subject: string): boolean;
  /** A message was acknowledged and is gone. */
  acknowledged(): void;
  /** Nobody has answered to a delivery of the message in time. */
  overdue(seq: number): void;
}

export class SimConsumer {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly #stream: SimStream;
  readonly #time: SimTime;
  readonly #outlet: Outlet;
  readonly #fits: (subject: string) => boolean;
  readonly #ackWaitMs: number;
  readonly #pending = new Map<number, Pending>();
  #again: number[] = [];
  #requests: Request[] = [];
  /** The next position to look at for what is new. */
  #next = 1;
  #delivered = 0;
  #beating = false;

  constructor(
    name: string,
    config: Readonly<Record<string, unknown>>,
    stream: SimStream,
    time: SimTime,
    outlet: Outlet,
  ) {
    this.name = name;
    this.config = config;
    this.#stream = stream;
    this.#time = time;
    this.#outlet = outlet;
    this.#fits = matcher(String(config["filter_subject"]));
    this.#ackWaitMs = Number(config["ack_wait"]) / 1e6;
  }

  /** Position up to which all is acknowledged, as the consumer believes. */
  get ackFloor(): number {
    let lowest = this.#next;
    for (const seq of this.#pending.keys()) lowest = Math.min(lowest, seq);
    return lowest - 1;
  }

  info(): object {
    let waiting = 0;
    for (const { seq, subject } of this.#stream.leader.messages.values()) {
      if (seq >= this.#next && this.#fits(subject)) waiting += 1;
    }
    return {
      stream_name: this.#stream.name,
      name: this.name,
      config: this.config,
      delivered: { consumer_seq: this.#delivered, stream_seq: this.#next - 1 },
      ack_floor: { consumer_seq: 0, stream_seq: this.ackFloor },
      num_ack_pending: this.#pending.size,
      num_pending: waiting,
    };
  }

  /** A pull request. */
  request(reply: string, body: string): void {
    const { batch, expires } = JSON.parse(body) as { batch: number; expires: number };
    const expiresAt = this.#time.now + expires / 1e6;
    const request = { reply, left: batch, expiresAt };
    this.#requests.push(request);
    this.#time.at(expiresAt, () => this.#expire(request));
    this.#beat();
    this.offer();
  }

  /** An answer to a delivery. */
  answer(seq: number, body: string): void {
    const pending = this.#pending.get(seq);
    if (pending === undefined) return;
    if (body === "" || body.startsWith("+ACK")) {
      this.#pending.delete(seq);
      this.#stream.remove(seq);
      this.#outlet.acknowledged();
    } else if (body.startsWith("+WPI")) {
      if (pending.deadline !== Number.POSITIVE_INFINITY)
        this.#expect(seq, pending, this.#ackWaitMs);
    } else if (body.startsWith("-NAK")) {
      const delay = body.includes("{") ? JSON.parse(body.slice(body.indexOf("{"))).delay / 1e6 : 0;
      if (delay > 0) this.#expect(seq, pending, delay);
      else this.#bringBack(seq, pending);
    }
    this.offer();
  }

  /** The message was removed. */
  gone(seq: number): void {
    this.#pending.delete(seq);
  }

  /** Hands out what can be. */
  offer(): void {
    for (;;) {
      const request = this.#waitingRequest();
      if (request === undefined) return;
      const message = this.#take();
      if (message === null) return;
      request.left -= 1;
      if (request.left === 0) this.#requests.shift();
      else this.#requests.push(...this.#requests.splice(0, 1));
      this.#deliver(message, request.reply);
    }
  }

  /** A restart: nobody's request is known any more. */
  restart(): void {
    this.#requests = [];
    // What was on its way may have got lost with the connection, and comes again when its time is over.
  }

  /** The consumer's own state is lost, and all that is in the stream is new to it. */
  forgetAll(): void {
    this.#pending.clear();
    this.#again = [];
    this.#next = 1;
    this.offer();
  }

  /** True where somebody has a message in hand. */
  get isInHands(): boolean {
    return this.#pending.size > 0;
  }

  /** A message in somebody's hands is handed out again, or where none is chosen all of them. */
  giveAgain(choose: ((seqs: readonly number[]) => number) | null): void {
    if (this.#pending.size === 0) return;
    const seqs = [...this.#pending.keys()];
    for (const seq of choose === null ? seqs : [choose(seqs)]) {
      const pending = this.#pending.get(seq);
      if (pending !== undefined) this.#bringBack(seq, pending);
    }
    this.offer();
  }

  /** A fault of the server: a message is believed acknowledged, and stays where it is (issue 5727). */
  forgetOne(choose: (seqs: readonly number[]) => number): void {
    if (this.#pending.size > 0) this.#pending.delete(choose([...this.#pending.keys()]));
  }

  #waitingRequest(): Request | undefined {
    while (this.#requests.length > 0) {
      const [request] = this.#requests;
      if (request !== undefined && this.#outlet.listens(request.reply)) return request;
      this.#requests.shift();
    }
    return undefined;
  }

  #take(): Stored | null {
    while (this.#again.length > 0) {
      const message = this.#stream.leader.messages.get(this.#again.shift() ?? 0);
      if (message !== undefined && this.#pending.has(message.seq)) return message;
    }
    for (; this.#next <= this.#stream.lastSeq; this.#next++) {
      const message = this.#stream.leader.messages.get(this.#next);
      if (message === undefined || !this.#fits(message.subject)) continue;
      this.#next += 1;
      return message;
    }
    return null;
  }

  #deliver(message: Stored, to: string): void {
    const { seq, subject, headers, body } = message;
    const pending = this.#pending.get(seq) ?? { deliveries: 0, deadline: 0 };
    pending.deliveries += 1;
    this.#pending.set(seq, pending);
    this.#expect(seq, pending, this.#ackWaitMs);
    this.#delivered += 1;
    const reply = `$JS.ACK.${this.#stream.name}.${this.name}.${pending.deliveries}.${seq}.${this.#delivered}.${message.at * 1e6}.0`;
    this.#outlet.send(
      to,
      packet(subject, body, { reply, headers: headers.size > 0 ? headers : null }),
      this.name,
    );
  }

  #expect(seq: number, pending: Pending, ms: number): void {
    const deadline = this.#time.now + ms;
    pending.deadline = deadline;
    this.#time.at(deadline, () => {
      if (this.#pending.get(seq) !== pending || pending.deadline !== deadline) return;
      if (ms === this.#ackWaitMs) this.#outlet.overdue(seq);
      this.#bringBack(seq, pending);
      this.offer();
    });
  }

  #bringBack(seq: number, pending: Pending): void {
    if (pending.deadline === Number.POSITIVE_INFINITY) return;
    pending.deadline = Number.POSITIVE_INFINITY;
    this.#again.push(seq);
  }

  #expire(request: Request): void {
    const index = this.#requests.indexOf(request);
    if (index < 0) return;
    this.#requests.splice(index, 1);
    const headers = new Map([["Nats-Pending-Messages", String(request.left)]]);
    const status = { headers, code: 408, description: "Request Timeout" };
    this.#outlet.send(request.reply, packet(request.reply, "", status), this.name);
  }

  #beat(): void {
    if (this.#beating) return;
    this.#beating = true;
    this.#time.at(this.#time.now + HEARTBEAT_MS, () => {
      this.#beating = false;
      if (this.#waitingRequest() === undefined) return;
      for (const { reply } of this.#requests) {
        const beat = packet(reply, "", { code: 100, description: "Idle Heartbeat" });
        this.#outlet.send(reply, beat, this.name);
      }
      this.#beat();
    });
  }
}

/** A stored message as `STREAM.MSG.GET` gives it. */
export function toMessageGet({ subject, seq, at, headers, body }: Stored): string {
  const hdrs = headers.size === 0 ? {} : { hdrs: base64(writeHeaders(headers)) };
  const time = new Date(at).toISOString();
  return JSON.stringify({ message: { subject, seq, time, ...hdrs, data: base64(body) } });
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
