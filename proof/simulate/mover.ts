import type { Random } from "./random.ts";

/** Something that can move at a step. */
export interface Mover {
  /** True where there is something to move. */
  isReady(): boolean;
  /** @returns true where code of a process may have run */
  move(): boolean;
}

/** How often what is slow moves, against what is not. */
const PACES = [1, 1, 0.2, 0.02] as const;
/** Steps after which paces change, on average. */
const SPELL = 60;

/**
 * Chooses what moves next: anything that can, each as likely as the others, or where it is `uneven` each at a pace of its
 * own, which changes from time to time. Then one process or one stream stays behind while the others do dozens of things,
 * as even chance hardly ever lets it.
 */
export class Choice {
  readonly #random: Random;
  readonly #isUneven: boolean;
  readonly #ready: Mover[] = [];
  #paces = new Map<Mover, number>();

  constructor(random: Random, isUneven: boolean) {
    this.#random = random;
    this.#isUneven = isUneven;
  }

  /** Takes note of one that can move at this step. */
  offer(mover: Mover): void {
    if (mover.isReady()) this.#ready.push(mover);
  }

  /** One of those that were offered since the last time; null where none was. */
  take(): Mover | null {
    const ready = this.#ready;
    if (ready.length === 0) return null;
    const chosen = this.#isUneven ? this.#byPace(ready) : this.#random.pick(ready);
    ready.length = 0;
    return chosen;
  }

  #byPace(ready: readonly Mover[]): Mover {
    if (this.#random.hits(1 / SPELL)) this.#paces = new Map();
    let all = 0;
    for (const mover of ready) all += this.#paceOf(mover);
    let left = all * this.#random.next();
    for (const mover of ready) {
      left -= this.#paceOf(mover);
      if (left <= 0) return mover;
    }
    return this.#random.pick(ready);
  }

  #paceOf(mover: Mover): number {
    let pace = this.#paces.get(mover);
    if (pace === undefined) {
      pace = this.#random.pick(PACES);
      this.#paces.set(mover, pace);
    }
    return pace;
  }
}
