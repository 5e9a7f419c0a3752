import type { Clock } from "../core/clock.ts";

/** How soon there is a look after something that calls for one, in milliseconds. */
const SOON_MS = 200;

/** Calls again and again while there is something to look after. */
export class Sweep {
  readonly #clock: Clock;
  readonly #everyMs: () => number;
  readonly #look: () => void;
  #cancel: (() => void) | null = null;

  /** @param everyMs - asked before each pause: what it goes by may change */
  constructor(clock: Clock, everyMs: () => number, look: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#look = look;
  }

  begin(): void {
    this.#cancel ??= this.#later(this.#everyMs());
  }

  /** As {@link begin}, with the next look soon. */
  soon(): void {
    this.stop();
    this.#cancel = this.#later(Math.min(SOON_MS, this.#everyMs()));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #later(ms: number): () => void {
    return this.#clock.after(ms, () => {
      this.#cancel = this.#later(this.#everyMs());
      this.#look();
    });
  }
}
