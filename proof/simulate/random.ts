import { Chance } from "../support/chance.ts";

/** Chance for seeds that are counted up: neighbours must not give streams that are. */
export class Random extends Chance {
  constructor(seed: number) {
    super(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 13));
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
}
