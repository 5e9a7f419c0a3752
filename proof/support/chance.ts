/** Chance that can be repeated: the same seed gives the same numbers. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, less than 1. (The generator is mulberry32.) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** At least `from`, less than `to`. */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** A whole number, at least 0, less than `below`. */
  below(below: number): number {
    return Math.floor(below * this.next());
  }

  /** True with that probability. */
  hits(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws Error for an empty list */
  pick<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)];
    if (one === undefined) throw new Error("there is nothing to pick from");
    return one;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list];
    return list.map(() => left.splice(this.below(left.length), 1)[0] as T);
  }

  /** Chance of its own for another part, so that what one part draws does not change what the other gets. */
  split(): Chance {
    return new Chance(this.below(2 ** 32));
  }
}
