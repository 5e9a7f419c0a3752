import type { Clock } from "../core/clock.ts";

/** Work shorter than this, in milliseconds a message, is asked for ahead. */
const SHORT_MS = 50;
/** Milliseconds without a slot filled or freed, all being taken, after which work is not short, whatever it was before. */
const STUCK_MS = 250;

/** How long a message takes lately, as what has finished says; where nothing finishes, as that says. */
export class Pace {
  readonly #clock: Clock;
  readonly #isFull: () => boolean;
  readonly #onStuck: () => void;
  /** Milliseconds, smoothed. */
  #typicalMs = Number.POSITIVE_INFINITY;
  /** When a slot was last filled or freed, on the clock that never jumps. */
  #movedAt = 0;
  #stopWatching: (() => void) | null = null;

  /**
   * @param isFull - true where all slots are taken
   * @param onStuck - told when they have been for a while and none got free
   */
  constructor(clock: Clock, isFull: () => boolean, onStuck: () => void) {
    this.#clock = clock;
    this.#isFull = isFull;
    this.#onStuck = onStuck;
  }

  /** Milliseconds that a message takes. */
  get typicalMs(): number {
    return this.#typicalMs;
  }

  get isShort(): boolean {
    return this.#typicalMs < SHORT_MS;
  }

  /** A slot was filled. */
  filled(): void {
    this.#movedAt = this.#clock.elapsed();
    this.#stopWatching ??= this.#clock.after(STUCK_MS, () => this.#look());
  }

  /** A slot got free after so many milliseconds. */
  freed(ms: number): void {
    this.#movedAt = this.#clock.elapsed();
    this.#typicalMs = Number.isFinite(this.#typicalMs) ? this.#typicalMs * 0.9 + ms * 0.1 : ms;
  }

  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = null;
  }

  #look(): void {
    this.#stopWatching = null;
    if (!this.#isFull()) return;
    const stillMs = this.#clock.elapsed() - this.#movedAt;
    if (stillMs < STUCK_MS) {
      this.#stopWatching = this.#clock.after(STUCK_MS - stillMs, () => this.#look());
      return;
    }
    if (this.isShort) this.#typicalMs = stillMs;
    this.#onStuck();
  }
}
