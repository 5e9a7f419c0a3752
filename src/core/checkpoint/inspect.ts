import type { Checkpoint, Item } from "./checkpoint.ts";

/** Where an item stands, as far as the checkpoint knows. Whether it is being executed is known to its worker only. */
export type ItemState = "pending" | "waiting_retry" | "held" | "failed";

export function itemState(item: Item, now: number): ItemState {
  if (item.failed === true) return "failed";
  if (item.hold !== undefined) return "held";
  return dueMs(item) > now ? "waiting_retry" : "pending";
}

/** When the item may run, in milliseconds since the epoch; 0 for at once, infinity for a hold without a time. */
export function dueMs(item: Item): number {
  if (item.hold !== undefined) {
    return item.hold.until === null ? Number.POSITIVE_INFINITY : Date.parse(item.hold.until);
  }
  return item.notBefore === undefined ? 0 : Date.parse(item.notBefore);
}

/**
 * Ids of the items that a message vouches for: its own, and those that were added under it and have none yet.
 * Items that only a signal can move are not among them.
 */
export function carriedBy(checkpoint: Checkpoint, carrier: number): number[] {
  const own = checkpoint.items[carrier];
  // What an item leads to begins with its end: while it is there, its message vouches for nothing else.
  if (own !== undefined) return mayRun(own) ? [carrier] : [];
  const ids: number[] = [];
  for (const [key, item] of Object.entries(checkpoint.items)) {
    if (item.carrier === carrier && mayRun(item)) ids.push(Number(key));
  }
  return ids;
}

const mayRun = (item: Item): boolean =>
  item.failed !== true && dueMs(item) !== Number.POSITIVE_INFINITY;
