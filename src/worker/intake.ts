import { setMaxListeners } from "node:events";
import type { Clock } from "../core/clock.ts";
import { sleep } from "../core/clock.ts";
import { isFloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { Places } from "../core/places.ts";
import type { Delivery, QueueKind, QueueSource, WorkQueue } from "../core/ports/work-queue.ts";
import { Pace } from "./pace.ts";
import { Sweep } from "./sweep.ts";
import { TurnOfStarts } from "./turn-of-starts.ts";

// How messages come into a worker. Invariants:
// 1. No more messages are handled at once than there are slots. Continuing work goes before new starts: in what is in
//    hand, and in what is asked for. Else the branches of one fork wait behind the starts of every other workflow.
// 2. Starts are kept out for so long only: after eight messages of continuing work (or as many as there are slots,
//    where that is more), or a second, it is their turn. A start in hand then goes first, and the next slot that gets
//    free is kept for one start for as long as a head start lasts. Else chains that go on for ever let no run begin.
// 3. Of the sources of a kind, the one whose last message came longest ago asks first.
// 4. A worker asks for as many messages as it has free slots. It asks ahead only while its work is short, so that a
//    slow worker does not sit on what a free one could do. Where no slot has got free for a while it is short no more: what
//    waits goes back at once, and no more is asked for.
// 5. Every message in hand, handled or waiting, is kept from redelivery; one that waits too long goes back.
// 6. When idle it sends nothing but the queue's own renewal of the request.

/** Milliseconds that a message may wait here for a slot before somebody else may have it. */
const PATIENCE_MS = 2_000;
const RETRY_MS = 500;
/**
 * How long continuing work is asked for before starts are, as a share of what a message takes: longer than the queue
 * needs for an answer, also on a machine that is too busy, and short against the work that a slot could do meanwhile.
 */
const HEAD_START = 0.2;
const LONGEST_HEAD_START_MS = 100;
/** Milliseconds since the last message of continuing work after which there is none, as far as one knows here. */
const RECENT_MS = 1_000;

export interface IntakeOptions {
  readonly queue: WorkQueue;
  readonly sources: readonly QueueSource[];
  readonly slots: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Handles one message to its end. Never rejects. */
  readonly handle: (delivery: Delivery) => Promise<void>;
}

interface Held {
  readonly delivery: Delivery;
  readonly since: number;
  renewed: number;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #stop = new AbortController();
  /** Aborted to take back what was asked for, or is about to be. */
  #demand = newDemand();
  readonly #waiting: Record<QueueKind, Held[]> = { work: [], start: [] };
  readonly #handled = new Places<Held>();
  readonly #idle: (() => void)[] = [];
  #loops: Promise<void>[] = [];
  #wakers: { readonly source: QueueSource; readonly resolve: () => void }[] = [];
  /** When the last message of each source came: a count, not a time. */
  readonly #lastOf = new Map<QueueSource, number>();
  #messages = 0;
  readonly #sweeping: Sweep;
  readonly #pace: Pace;
  /** When continuing work last came, on the clock that never jumps. */
  #workCameAt = Number.NEGATIVE_INFINITY;
  readonly #turn: TurnOfStarts;
  /** Requests for starts under way. */
  #startPulls = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#sweeping = new Sweep(
      options.clock,
      () => Math.min(1_000, options.queue.ackWaitMs / 4),
      () => this.#sweep(),
    );
    this.#pace = new Pace(
      options.clock,
      () => this.#handled.size >= options.slots,
      () => this.#letGo(),
    );
    this.#turn = new TurnOfStarts(options.clock, options.slots, () => this.#wake());
  }

  start(): void {
    this.#loops = this.#options.sources.map((source) => this.#loop(source));
  }

  /** Takes nothing new and gives back what waits. Resolves when the requests for more have ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#demand.abort();
    this.#turn.end();
    this.#wake();
    for (const held of this.#takeWaiting()) held.delivery.giveBack();
    this.#pace.close();
    await Promise.all(this.#loops);
    for (const held of this.#takeWaiting()) held.delivery.giveBack();
  }

  /** Resolves when no message is being handled. */
  async drained(): Promise<void> {
    while (this.#handled.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#sweeping.stop();
  }

  async #loop(source: QueueSource): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (!(await this.#mayAsk(source))) continue;
      try {
        await this.#pull(source);
      } catch (error) {
        if (signal.aborted) return;
        const fields = { err: error, ...source };
        if (isFloxideError(error, "backend")) log.debug(fields, "the work queue is out of reach");
        else log.error(fields, "taking work failed");
        await sleep(this.#options.clock, RETRY_MS, signal);
      }
    }
  }

  async #pull(source: QueueSource): Promise<void> {
    const arrive = (delivery: Delivery): void => {
      this.#lastOf.set(source, ++this.#messages);
      this.#arrive(delivery);
    };
    const starts = source.kind === "start" ? 1 : 0;
    this.#startPulls += starts;
    try {
      const wanted = this.#wanted(source.kind);
      await this.#options.queue.pull(source, wanted, arrive, this.#demand.signal);
    } finally {
      this.#startPulls -= starts;
    }
  }

  /** Waits for room where there is none, and lets continuing work be asked for first. @returns false: look again */
  async #mayAsk(source: QueueSource): Promise<boolean> {
    const { kind } = source;
    if (this.#wanted(kind) === 0) {
      await this.#change(source);
      return false;
    }
    if (kind === "work" || this.#turn.isOn || !this.#isWorkLikely()) return true;
    const { signal } = this.#demand;
    await sleep(this.#options.clock, this.#headStartMs(), signal);
    return !signal.aborted && this.#wanted(kind) > 0;
  }

  #headStartMs(): number {
    return Math.min(LONGEST_HEAD_START_MS, HEAD_START * this.#pace.typicalMs);
  }

  /** True where more continuing work may wait in the queue, and each message takes a slot for long. */
  #isWorkLikely(): boolean {
    const age = this.#options.clock.elapsed() - this.#workCameAt;
    return !this.#pace.isShort && age < RECENT_MS;
  }

  /** Keeps a slot that has got free for a start, where it is their turn. */
  #offerTurn(): void {
    const isFree = this.#handled.size < this.#options.slots && !this.#stop.signal.aborted;
    if (!isFree || this.#turn.isOn || !this.#isWorkLikely()) return;
    // Another slot was free, and starts are asked for already: nobody keeps them out.
    if (this.#startPulls > 0) this.#turn.end();
    if (!this.#turn.isDue) return;
    this.#endDemand();
    this.#turn.begin(this.#headStartMs());
  }

  /** How many more messages of this kind are welcome. */
  #wanted(kind: QueueKind): number {
    const { slots } = this.#options;
    const waiting = this.#waiting.work.length + this.#waiting.start.length;
    const free = slots - this.#handled.size - waiting;
    const ahead = this.#pace.isShort ? slots : 0;
    const room = free + ahead;
    // Small requests cost as much as large ones: when asking ahead, ask in halves.
    if (room <= 0 || (free <= 0 && this.#waiting[kind].length > slots / 2)) return 0;
    if (!this.#turn.isOn) return room;
    return kind === "work" ? room - 1 : 1;
  }

  #arrive(delivery: Delivery): void {
    const now = this.#options.clock.elapsed();
    const held: Held = { delivery, since: now, renewed: now };
    if (this.#stop.signal.aborted) {
      delivery.giveBack();
      return;
    }
    if (delivery.kind === "work") this.#workCameAt = this.#options.clock.elapsed();
    this.#waiting[delivery.kind].push(held);
    this.#dispatch();
    // It came again: perhaps because what is in hand is not renewed often enough any more.
    if (delivery.deliveries > 1) this.#sweeping.soon();
    else this.#sweeping.begin();
  }

  #dispatch(): void {
    while (this.#handled.size < this.#options.slots) {
      const held = this.#takeNext();
      if (held === undefined) return;
      this.#pace.filled();
      void this.#handle(held, this.#handled.enter(held));
    }
    // All slots are taken by work that takes its time: what was asked for is better had by somebody who is free.
    if (!this.#pace.isShort) this.#endDemand();
  }

  #takeNext(): Held | undefined {
    const { work, start } = this.#waiting;
    if (start.length === 0 || (work.length > 0 && !this.#turn.isDue)) {
      if (work.length > 0) this.#turn.workTaken();
      return work.shift();
    }
    // The slot has its start: what other sources were asked for in this turn is taken back.
    if (this.#turn.isOn) this.#endDemand();
    this.#turn.end();
    return start.shift();
  }

  #endDemand(): void {
    if (this.#stop.signal.aborted) return;
    const demand = this.#demand;
    this.#demand = newDemand();
    demand.abort();
  }

  async #handle(held: Held, place: number): Promise<void> {
    const { clock, handle } = this.#options;
    const began = clock.elapsed();
    try {
      await handle(held.delivery);
    } finally {
      this.#handled.leave(place);
      this.#pace.freed(clock.elapsed() - began);
      this.#dispatch();
      this.#offerTurn();
      this.#wake();
      if (this.#handled.size === 0) {
        for (const resolve of this.#idle.splice(0)) resolve();
        if (this.#waiting.work.length + this.#waiting.start.length === 0) this.#sweeping.stop();
      }
    }
  }

  /** No slot gets free: what waits here is better had by somebody who has one. */
  #letGo(): void {
    this.#endDemand();
    for (const held of this.#takeWaiting()) held.delivery.giveBack();
  }

  /** Renews what is in hand, and lets go of what has waited too long. */
  #sweep(): void {
    const now = this.#options.clock.elapsed();
    for (const kind of ["work", "start"] as const) {
      const kept: Held[] = [];
      for (const held of this.#waiting[kind]) {
        if (now - held.since > PATIENCE_MS) held.delivery.giveBack();
        else kept.push(held);
      }
      this.#waiting[kind] = kept;
    }
    for (const held of [...this.#handled.all(), ...this.#waiting.work, ...this.#waiting.start]) {
      if (now - held.renewed < this.#options.queue.ackWaitMs / 3) continue;
      held.renewed = now;
      held.delivery.working();
    }
    this.#wake();
  }

  #takeWaiting(): Held[] {
    return [...this.#waiting.work.splice(0), ...this.#waiting.start.splice(0)];
  }

  #change(source: QueueSource): Promise<void> {
    return new Promise((resolve) => this.#wakers.push({ source, resolve }));
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    const lastOf = (source: QueueSource): number => this.#lastOf.get(source) ?? 0;
    wakers.sort((a, b) => lastOf(a.source) - lastOf(b.source));
    for (const { resolve } of wakers) resolve();
  }
}

function newDemand(): AbortController {
  const demand = new AbortController();
  // Two pulls a workflow listen to it: Node takes more than ten listeners for a leak.
  setMaxListeners(0, demand.signal);
  return demand;
}
