/** Where time and chance come from, so that a test can hold both. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** At least 0, less than 1. */
  random(): number;
}

/** The machine's own. */
export const systemClock: Clock = { now: Date.now, random: Math.random };

/** A stored time. */
export const iso = (ms: number): string => new Date(ms).toISOString();
