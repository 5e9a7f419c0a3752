import type { Checkpoint, Item } from "./checkpoint.ts";

/** Where an item stands, as far as the checkpoint knows. Whether it is being executed is known to its worker only. */
export type ItemState = "pending" | "waiting_retry" | "held" | "failed" | "opening";

export function itemState(item: Item, now: number): ItemState {
  if (item.failed === true) return "failed";
  if (item.opens === true) return "opening";
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
 *
 * @param carrier - the item that the message is for
 * @param turn - the item's turn that it is for. In a later one the item has another message, or one that vouches for it
 */
export function carriedBy(
  checkpoint: Checkpoint,
  carrier: number,
  turn: number,
): readonly number[] {
  const own = checkpoint.items[carrier];
  const isOurs = own !== undefined && (own.turn === turn || own.carrier === carrier);
  const runs = isOurs && mayRun(own) ? [carrier] : NONE;
  // What an item leads to begins with its end: while it is there, its message vouches for nothing else. But one that opens
  // branches stays until it has opened the last.
  if (own !== undefined && own.opens !== true) return runs;
  const others = carriersOf(checkpoint).get(carrier) ?? NONE;
  return runs.length === 0 ? others : [...runs, ...others];
}

const NONE: readonly number[] = [];

/** Each branch of a fork asks, and many of them ask about the same checkpoint. */
const remembered = new WeakMap<Checkpoint, ReadonlyMap<number, readonly number[]>>();

function carriersOf(checkpoint: Checkpoint): ReadonlyMap<number, readonly number[]> {
  const known = remembered.get(checkpoint);
  if (known !== undefined) return known;
  const carriers = new Map<number, number[]>();
  for (const [key, item] of Object.entries(checkpoint.items)) {
    // An item that its own message carries is found by its number.
    if (item.carrier === undefined || item.carrier === Number(key) || !mayRun(item)) continue;
    const ids = carriers.get(item.carrier);
    if (ids === undefined) carriers.set(item.carrier, [Number(key)]);
    else ids.push(Number(key));
  }
  remembered.set(checkpoint, carriers);
  return carriers;
}

/** True for a run of which something is executed now, or wants to be: another write will follow soon. */
export function isMoving({ status, items }: Checkpoint): boolean {
  if (status !== "running") return false;
  for (const id in items) {
    const item = items[id];
    if (item !== undefined && item.hold === undefined && item.notBefore === undefined) return true;
  }
  return false;
}

/** True for an item that wants to run, now or at a time: not for one that has failed the run, or that only a signal moves. */
export const mayRun = (item: Item): boolean =>
  item.failed !== true && dueMs(item) !== Number.POSITIVE_INFINITY;
