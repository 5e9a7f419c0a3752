import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import type { Delivery, QueueKind, QueueSource } from "../core/ports/work-queue.ts";
import { headersOf } from "./headers-of.ts";
import { runIdOfStart } from "./names.ts";
import { INFO_WRITTEN, type Signing } from "./signing.ts";

const ACK = new TextEncoder().encode("+ACK");
const GIVE_BACK = new TextEncoder().encode("-NAK");
const WORKING = new TextEncoder().encode("+WPI");
const UTF8 = new TextDecoder();

/** Bytes from which on a body is kept as it came. */
const LARGE = 32 * 1024;

/** A message of the work stream in a worker's hands. */
export class JetStreamDelivery implements Delivery {
  readonly kind: QueueKind;
  readonly workflow: string;
  readonly subject: string;
  readonly messageId: string | null;
  readonly infoWritten: boolean;
  readonly distrust: string | null;
  readonly #nc: NatsConnection;
  readonly #reply: string;
  readonly #body: string | Uint8Array;
  #facts: readonly string[] | null = null;
  #isDone = false;

  // The strings are read at once: a message that keeps its buffer keeps the whole 64 KiB that came with it. A large body
  // takes about as much by itself, is read once, and the garbage collector copies strings that live for some time.
  constructor(nc: NatsConnection, source: QueueSource, msg: Msg, signing: Signing) {
    this.kind = source.kind;
    this.workflow = source.workflow;
    this.subject = msg.subject;
    this.#body = msg.data.length < LARGE ? msg.string() : msg.data;
    this.#nc = nc;
    this.#reply = msg.reply ?? "";
    // Nobody else asks for the headers of a work item: its body says it all.
    const headers = source.kind === "start" || signing.checks ? headersOf(msg) : undefined;
    const messageId = headers?.get("Nats-Msg-Id") || null;
    this.messageId = messageId === null ? null : runIdOfStart(messageId);
    this.infoWritten = headers?.get(INFO_WRITTEN) === "1";
    this.distrust = signing.checks ? this.#distrustOf(headers, signing) : null;
  }

  get body(): string {
    return typeof this.#body === "string" ? this.#body : UTF8.decode(this.#body);
  }

  get seq(): number {
    return this.#fact(1);
  }

  get deliveries(): number {
    return this.#fact(0);
  }

  get acceptedAt(): number {
    return Math.floor(this.#fact(3) / 1e6);
  }

  ack(): void {
    this.#finish(ACK);
  }

  giveBack(delayMs = 0): void {
    if (delayMs <= 0) this.#finish(GIVE_BACK);
    else this.#finish(`-NAK {"delay": ${Math.ceil(delayMs) * 1_000_000}}`);
  }

  working(): void {
    if (!this.#isDone) this.#say(WORKING);
  }

  #distrustOf(headers: MsgHdrs | undefined, signing: Signing): string | null {
    const { kind, subject, body } = this;
    const storedAt = kind === "start" ? this.acceptedAt : 0;
    return signing.distrust({ kind, subject, headers, body, storedAt });
  }

  #finish(what: string | Uint8Array): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#say(what);
  }

  #say(what: string | Uint8Array): void {
    try {
      this.#nc.publish(this.#reply, what);
    } catch {
      // The connection is closed or closing: the message comes again after the acknowledgement wait.
    }
  }

  /**
   * The reply subject says `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer
   * seq>.<time>.<pending>[.<random>]`: nine tokens, or eleven and more. Source: nats-server, ADR-15.
   */
  #fact(index: number): number {
    this.#facts ??= this.#reply.split(".");
    const first = this.#facts.length === 9 ? 4 : 6;
    return Number(this.#facts[first + index]);
  }
}
