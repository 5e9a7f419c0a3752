import type { FieldEnv } from "./field.ts";

/** When and by which write a value came, which gives all writes of a run one order. */
export interface Stamp {
  /** ISO time. */
  readonly at: string;
  /** Unique, and rising within one execution of a node. */
  readonly id: string;
}

/** The oldest time there is: of what a run is started with. */
export const INITIAL_AT = new Date(0).toISOString();

/** Below 0, 0 or above 0 as `left` is older than, the same as or newer than `right`. */
export function compareStamps(left: Stamp, right: Stamp): number {
  return compareText(left.at, right.at) || compareText(left.id, right.id);
}

/** Below 0, 0 or above 0, by code units: the same on every machine. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The time for writes of one execution: now, or just after `last` where that is not in the past.
 *
 * Clocks of machines differ. A write that has seen another one must sort after it all the same.
 */
export function timeAfter(last: string | undefined, env: FieldEnv): string {
  const now = new Date(env.now).toISOString();
  if (last === undefined || last < now) return now;
  return new Date(Date.parse(last) + 1).toISOString();
}
