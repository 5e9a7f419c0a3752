import type { Clock } from "../core/clock.ts";
import { Heap } from "./heap.ts";

/** When a {@link ManualClock} begins where nothing else is asked for: 2026-01-01T00:00:00Z. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** What a {@link ManualClock} begins with. */
export interface ManualClockOptions {
  /** Milliseconds since the epoch. @default 2026-01-01T00:00:00Z */
  readonly startMs?: number;
  /** What `random` gives. @default always 0.5 */
  readonly random?: () => number;
}

/** Time that stands still until a test moves it. Timers fire in the order of their times, then of their making. */
export class ManualClock implements Clock {
  readonly #timers = new Heap<{ run: (() => void) | null }>();
  readonly #random: () => number;
  #now: number;

  constructor(options: ManualClockOptions = {}) {
    this.#now = options.startMs ?? EPOCH_MS;
    this.#random = options.random ?? (() => 0.5);
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  random(): number {
    return this.#random();
  }

  after(ms: number, run: () => void): () => void {
    const timer: { run: (() => void) | null } = { run };
    this.#timers.push(this.#now + Math.max(0, ms), timer);
    return () => {
      timer.run = null;
    };
  }

  /**
   * Moves time on, timer by timer. Promises that a timer lets go on have gone on before the next timer fires.
   *
   * @param ms - milliseconds, 0 or more
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settled();
    while (await this.#fire(target));
    this.#now = target;
  }

  /**
   * Moves time to the next timer and fires it.
   *
   * @returns false where no timer waits
   */
  async advanceToNext(): Promise<boolean> {
    await settled();
    return this.#fire(Number.POSITIVE_INFINITY);
  }

  async #fire(until: number): Promise<boolean> {
    for (;;) {
      const due = this.#timers.shift(until);
      if (due === null) return false;
      const { run } = due.value;
      if (run === null) continue;
      this.#now = Math.max(this.#now, due.at);
      run();
      await settled();
      return true;
    }
  }
}

/** Lets every promise that can go on without time go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
