import type { Clock } from "../core/clock.ts";

/** Messages of continuing work in a row after which it is the turn of starts. */
const IN_A_ROW = 8;
/** Milliseconds after which it is the turn of starts. */
const KEPT_OUT_MS = 1_000;

/** Bounds for how long continuing work keeps starts out: knows when their turn is due, and while it lasts. */
export class TurnOfStarts {
  readonly #clock: Clock;
  readonly #inARow: number;
  readonly #onEnd: () => void;
  #taken = 0;
  #lastAt: number;
  #cancel: (() => void) | null = null;

  /** @param slots - of the worker: with more than eight, so many messages of continuing work may come in a row */
  constructor(clock: Clock, slots: number, onEnd: () => void) {
    this.#clock = clock;
    this.#inARow = Math.max(IN_A_ROW, slots);
    this.#onEnd = onEnd;
    this.#lastAt = clock.elapsed();
  }

  get isDue(): boolean {
    return this.#taken >= this.#inARow || this.#clock.elapsed() - this.#lastAt >= KEPT_OUT_MS;
  }

  /** True while a slot is kept for a start. */
  get isOn(): boolean {
    return this.#cancel !== null;
  }

  /** A slot has taken continuing work. */
  workTaken(): void {
    this.#taken++;
  }

  /** Keeps a slot for so many milliseconds, or until {@link end}. */
  begin(ms: number): void {
    this.#cancel = this.#clock.after(ms, () => this.end());
  }

  /** Starts have had their turn. */
  end(): void {
    const wasOn = this.isOn;
    this.#cancel?.();
    this.#cancel = null;
    this.#taken = 0;
    this.#lastAt = this.#clock.elapsed();
    if (wasOn) this.#onEnd();
  }
}
