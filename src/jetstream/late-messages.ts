import type { Clock } from "../core/clock.ts";

/** How long a late message waits for somebody to want it, in milliseconds. */
const HELD_MS = 50;

/** What is given back where nobody wants it. */
interface GivenBack {
  giveBack(): void;
}

/**
 * Messages that came when nobody waited for any: soon somebody may, and to give one back counts as a delivery. Where nobody
 * does, another worker is to have them.
 */
export class LateMessages<T extends GivenBack> {
  readonly #clock: Clock;
  readonly #held: T[] = [];
  #stop: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hold(message: T): void {
    this.#held.push(message);
    this.#stop ??= this.#clock.after(HELD_MS, () => this.giveBack());
  }

  /** All of them, for somebody who wants them. */
  take(): readonly T[] {
    this.#stop?.();
    this.#stop = null;
    return this.#held.splice(0);
  }

  giveBack(): void {
    for (const message of this.take()) message.giveBack();
  }
}
