import type { Clock } from "../core/clock.ts";
import type { QueueSource } from "../core/ports/work-queue.ts";
import type { Agenda } from "./agenda.ts";
import type { Puller } from "./lane.ts";
import { Lane } from "./lane.ts";
import type { Message, NewMessage } from "./message.ts";

/** What a stream needs to know. */
export interface StreamOptions {
  readonly clock: Clock;
  readonly agenda: Agenda;
  /** Where message ids are forgotten. */
  readonly expiries: Agenda;
  readonly ackWaitMs: number;
  readonly duplicateWindowMs: number;
}

/**
 * The work queue as a server keeps it, shared by all who have opened it. Invariants:
 * 1. A message is in exactly one of: the schedules, its lane, gone.
 * 2. It is handed out only while `ready`, and becomes `ready` once per time that it is put into its lane's order.
 * 3. What belongs to a delivery of the past (an acknowledgement wait, a delay) does nothing to a later one.
 */
export class Stream {
  readonly #options: StreamOptions;
  readonly #messages = new Map<number, Message>();
  readonly #lanes = new Map<string, Map<string, Lane>>();
  readonly #runs = new Map<string, Set<Message>>();
  readonly #schedules = new Map<string, Message>();
  readonly #known = new Map<string, number>();
  #seq = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Accepts a message, unless one with its id was accepted before. */
  publish(message: NewMessage): { readonly seq: number; readonly duplicate: boolean } {
    const { clock, agenda, expiries, duplicateWindowMs } = this.#options;
    agenda.settle();
    expiries.settle();
    const id = message.messageId === null ? null : `${message.kind} ${message.messageId}`;
    const known = id === null ? undefined : this.#known.get(id);
    if (known !== undefined) return { seq: known, duplicate: true };
    const { seq } = this.#add(message, "ready");
    if (id !== null) {
      this.#known.set(id, seq);
      expiries.at(clock.now() + duplicateWindowMs, () => this.#known.delete(id));
    }
    return { seq, duplicate: false };
  }

  /** Keeps a message for a time, in place of the one scheduled under the same subject before. */
  schedule(message: NewMessage, atMs: number): void {
    const { clock, agenda } = this.#options;
    agenda.settle();
    this.unschedule(message.subject);
    const scheduled = this.#add(message, "scheduled");
    this.#schedules.set(message.subject, scheduled);
    const fire = (): void => {
      if (scheduled.state !== "scheduled") return;
      this.remove(scheduled);
      this.#add(message, "ready");
    };
    agenda.at(Math.max(atMs, clock.now()), fire);
  }

  unschedule(subject: string): void {
    this.#options.agenda.settle();
    const scheduled = this.#schedules.get(subject);
    if (scheduled !== undefined) this.remove(scheduled);
  }

  /** The message at this position, unless it is gone. */
  at(seq: number): Message | null {
    this.#options.agenda.settle();
    return this.#messages.get(seq) ?? null;
  }

  /** Messages of items of the workflow that are not scheduled, in the order in which they came. */
  items(workflow: string): readonly Message[] {
    this.#options.agenda.settle();
    return [...this.#messages.values()].filter(
      (message) =>
        message.kind === "work" && message.workflow === workflow && message.state !== "scheduled",
    );
  }

  /** Start requests, in the order in which they came. */
  starts(): readonly Message[] {
    return [...this.#messages.values()].filter(({ kind }) => kind === "start");
  }

  /** Messages of the run, in their order. */
  ofRun(workflow: string, runId: string): readonly Message[] {
    this.#options.agenda.settle();
    return [...(this.#runs.get(runKey(workflow, runId)) ?? [])];
  }

  remove(message: Message): void {
    message.state = "gone";
    this.#messages.delete(message.seq);
    this.lane(message).remove(message);
    if (this.#schedules.get(message.subject) === message) this.#schedules.delete(message.subject);
    if (message.of === null) return;
    const key = runKey(message.workflow, message.of.runId);
    const ofRun = this.#runs.get(key);
    ofRun?.delete(message);
    if (ofRun?.size === 0) this.#runs.delete(key);
  }

  lane({ kind, workflow }: QueueSource): Lane {
    const lanes = this.#lanes.get(workflow) ?? new Map<string, Lane>();
    this.#lanes.set(workflow, lanes);
    const lane = lanes.get(kind) ?? new Lane((message) => this.#take(message));
    lanes.set(kind, lane);
    return lane;
  }

  /** Makes the workflow one that {@link workflows} tells of. */
  prepare(workflow: string): void {
    if (!this.#lanes.has(workflow)) this.#lanes.set(workflow, new Map());
  }

  workflows(): readonly string[] {
    this.#options.agenda.settle();
    return [...this.#lanes.keys()];
  }

  wait(source: QueueSource, puller: Puller): void {
    this.#options.agenda.settle();
    this.lane(source).wait(puller);
  }

  /** Begins the acknowledgement wait anew, for whoever has the message. */
  working(message: Message): void {
    const { clock, agenda, ackWaitMs } = this.#options;
    agenda.settle();
    if (message.state === "taken") message.deadline = clock.now() + ackWaitMs;
  }

  /** Takes a message back. Does nothing where another delivery has begun since. */
  giveBack(message: Message, delivery: number, delayMs: number): void {
    const { clock, agenda } = this.#options;
    agenda.settle();
    if (message.state !== "taken" || message.deliveries !== delivery) return;
    message.state = "delayed";
    const offer = (): void => {
      if (message.state === "delayed" && message.deliveries === delivery) this.#offer(message);
    };
    if (delayMs > 0) agenda.at(clock.now() + delayMs, offer);
    else offer();
  }

  #take(message: Message): void {
    message.state = "taken";
    message.deliveries += 1;
    message.deadline = this.#options.clock.now() + this.#options.ackWaitMs;
    this.#expectAck(message, message.deliveries);
  }

  #expectAck(message: Message, delivery: number): void {
    const { clock, agenda } = this.#options;
    agenda.at(message.deadline, () => {
      if (message.state !== "taken" || message.deliveries !== delivery) return;
      if (message.deadline > clock.now()) this.#expectAck(message, delivery);
      else this.#offer(message);
    });
  }

  #offer(message: Message): void {
    message.state = "ready";
    this.lane(message).again(message);
  }

  #add(message: NewMessage, state: "ready" | "scheduled"): Message {
    this.#seq += 1;
    const added: Message = {
      ...message,
      seq: this.#seq,
      acceptedAt: this.#options.clock.now(),
      state,
      deliveries: 0,
      deadline: 0,
    };
    this.#messages.set(added.seq, added);
    if (message.of !== null) {
      const key = runKey(message.workflow, message.of.runId);
      const ofRun = this.#runs.get(key) ?? new Set();
      ofRun.add(added);
      this.#runs.set(key, ofRun);
    }
    if (state === "ready") this.lane(added).add(added);
    return added;
  }
}

const runKey = (workflow: string, runId: string): string => `${workflow} ${runId}`;
