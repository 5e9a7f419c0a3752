import type { Clock } from "../core/clock.ts";

/** How soon there is a look after something that calls for one, in milliseconds. */
const SOON_MS = 200;

/** Calls again and again while there is something to look after. */
export class Sweep {
  readonly #clock: Clock;
  readonly #everyMs: () => number;
  readonly #look: () => void;
  #cancel: (() => void) | null = null;
  /** On the clock that never jumps. */
  #dueAt = 0;

  /** @param everyMs - asked before each pause: what it goes by may change */
  constructor(clock: Clock, everyMs: () => number, look: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#look = look;
  }

  begin(): void {
    this.#cancel ??= this.#later(this.#everyMs());
  }

  /** As {@link begin}, with the next look soon. It is only ever brought forward: else many calls would put it off for ever. */
  soon(): void {
    const ms = Math.min(SOON_MS, this.#everyMs());
    if (this.#cancel !== null && this.#dueAt <= this.#clock.elapsed() + ms) return;
    this.stop();
    this.#cancel = this.#later(ms);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #later(ms: number): () => void {
    this.#dueAt = this.#clock.elapsed() + ms;
    return this.#clock.after(ms, () => {
      this.#cancel = this.#later(this.#everyMs());
      this.#look();
    });
  }
}
