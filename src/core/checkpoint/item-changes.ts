import { iso } from "../clock.ts";
import type { Json } from "../json.ts";
import type { ItemChange, Outcome } from "./change.ts";
import { applied, refused } from "./change.ts";
import { FIGURE, type Item } from "./checkpoint.ts";
import type { Draft } from "./draft.ts";
import { lostFields } from "./wide.ts";

/** Merges what a node added into the stored context. */
export type MergeContext = (
  context: Record<string, Json>,
  delta: Readonly<Record<string, Json>>,
) => Record<string, Json>;

/** What an execution, or its loss, does to its item. */
export function applyItemChange(draft: Draft, change: ItemChange, merge: MergeContext): Outcome {
  if (draft.terminal) return refused("terminal");
  const item = draft.item(change.item);
  if (item === undefined) return refused("gone");
  if (item.turn !== change.turn) return refused("stale");
  switch (change.type) {
    case "complete":
      return complete(draft, change, item, merge);
    case "hold":
      return hold(draft, change, item, merge);
    case "retry":
      return retry(draft, change, item);
    case "fallback":
      return fallback(draft, change, item);
    case "fail":
      return fail(draft, change, item);
    case "try":
      draft.setItem(change.item, { ...item, trying: true });
      return applied([change.item]);
    case "lost":
      return lose(draft, change, item);
    case "give-back": {
      const { trying: _trying, ...rest } = item;
      draft.setItem(change.item, { ...rest, deliveries: change.deliveries });
      return applied();
    }
    case "open":
      if (lostFields(draft.next).length > 0) return refused("outdated");
      return applied(draft.open(change.item, item, change.successors, voucher(item, change)));
    case "wake":
      return wake(draft, change, item);
  }
}

type Of<T extends ItemChange["type"]> = Extract<ItemChange, { readonly type: T }>;

/** True where the answer depends on a context that has changed since. */
const isOutdated = ({ next }: Draft, { seen }: { readonly seen?: number }): boolean =>
  seen !== undefined && seen !== next.contextVersion;

function complete(draft: Draft, change: Of<"complete">, item: Item, merge: MergeContext): Outcome {
  if (isOutdated(draft, change) || lostFields(draft.next).length > 0) return refused("outdated");
  mergeDelta(draft, change.delta, merge);
  measure(draft, item.node, change.ms)[FIGURE.completed] += 1;
  draft.next.counters.completed += 1;
  draft.event("item.completed", change.item, item.node, item.attempt);
  return applied(draft.advance(change.item, item.node, change.routed, voucher(item, change)));
}

function hold(draft: Draft, change: Of<"hold">, item: Item, merge: MergeContext): Outcome {
  if (lostFields(draft.next).length > 0) return refused("outdated");
  mergeDelta(draft, change.delta, merge);
  measure(draft, item.node, change.ms);
  draft.event("item.held", change.item, item.node, item.attempt);
  const held: Item = {
    ...rested(item),
    ...(change.untilMs === null ? {} : { carrier: voucher(item, change) }),
    attempt: 1,
    turn: item.turn + 1,
    hold: {
      for: change.for,
      until: change.untilMs === null ? null : storedTime(change.untilMs),
      since: draft.time,
    },
  };
  const early = draft.next.signals.findIndex((signal) => signal.name === change.for);
  const signal = draft.next.signals[early];
  if (signal === undefined) {
    draft.setItem(change.item, held);
    return applied();
  }
  draft.next.signals.splice(early, 1);
  release(draft, change.item, held, { type: "signal", ...signal });
  carry(draft, change.item, voucher(item, change));
  return applied([change.item]);
}

function retry(draft: Draft, change: Of<"retry">, item: Item): Outcome {
  measure(draft, item.node, change.ms)[FIGURE.retries] += 1;
  draft.next.counters.retries += 1;
  draft.event("attempt.failed", change.item, item.node, item.attempt);
  const { trying: _trying, lost: _lost, ...rest } = item;
  draft.setItem(change.item, {
    ...rest,
    attempt: item.attempt + 1,
    turn: item.turn + 1,
    carrier: voucher(item, change),
    notBefore: storedTime(change.notBeforeMs),
    failure: change.failure,
    deliveries: change.deliveries,
  });
  return applied([change.item]);
}

function fallback(draft: Draft, change: Of<"fallback">, item: Item): Outcome {
  countFailed(draft, change, item);
  return applied(draft.advance(change.item, item.node, change.routed, voucher(item, change)));
}

function fail(draft: Draft, change: Of<"fail">, item: Item): Outcome {
  if (isOutdated(draft, change)) return refused("outdated");
  countFailed(draft, change, item);
  // What failed the run stands at the run: written twice it could be what does not fit.
  const { failure: _failure, ...rest } = item;
  draft.setItem(change.item, { ...rest, turn: item.turn + 1, failed: true });
  draft.next.failure = change.failure;
  draft.finish("failed");
  return applied();
}

function lose(draft: Draft, change: Of<"lost">, item: Item): Outcome {
  if ((item.lost ?? 0) + 1 !== change.lost) return refused("stale");
  draft.next.counters.lost += 1;
  draft.event("execution.lost", change.item, item.node, item.attempt);
  draft.setItem(change.item, {
    ...item,
    trying: true,
    lost: change.lost,
    failure: change.failure,
  });
  return applied([change.item]);
}

function wake(draft: Draft, change: Of<"wake">, item: Item): Outcome {
  if (item.hold?.until === undefined || item.hold.until === null) return refused("stale");
  if (Date.parse(item.hold.until) > draft.now) return refused("stale");
  release(draft, change.item, item, { type: "timeout", name: item.hold.for });
  carry(draft, change.item, voucher(item, change));
  return applied([change.item]);
}

/**
 * Item id of the message that vouches for what the change leads to.
 *
 * That of the execution, but only while it vouches for the item: two workers may have the same message in hand, and one of
 * them may have given the item a message of its own and acknowledged theirs.
 */
function voucher(item: Item, { item: id, carrier }: ItemChange): number {
  return carrier === id || carrier === item.carrier ? carrier : (item.carrier ?? id);
}

/** Ends a hold: the item wants to run again, and its node is told why. */
export function release(
  draft: Draft,
  id: number,
  item: Item,
  why: NonNullable<Item["wake"]>,
): void {
  const { hold: _hold, ...rest } = item;
  draft.setItem(id, { ...rest, turn: item.turn + 1, wake: why });
  draft.event("item.released", id, item.node, null);
}

function carry(draft: Draft, id: number, carrier: number): void {
  const item = draft.item(id);
  if (item) draft.setItem(id, { ...item, carrier });
}

/** The item without the marks that belong to an execution that is over. */
function rested(item: Item): Item {
  const {
    notBefore: _n,
    wake: _w,
    failure: _f,
    lost: _l,
    trying: _t,
    deliveries: _d,
    carrier: _c,
    ...rest
  } = item;
  return rest;
}

function mergeDelta(draft: Draft, delta: Of<"complete">["delta"], merge: MergeContext): void {
  if (delta === null) return;
  draft.next.context = merge(draft.next.context, delta);
  draft.next.contextVersion += 1;
}

function measure(draft: Draft, node: string, ms: number): ReturnType<Draft["figures"]> {
  const figures = draft.figures(node);
  // Microseconds are below what is worth storing.
  const rounded = Math.round(ms * 1_000) / 1_000;
  const { totalMs, maxMs } = FIGURE;
  figures[totalMs] = Math.round((figures[totalMs] + rounded) * 1_000) / 1_000;
  figures[maxMs] = Math.max(figures[maxMs], rounded);
  return figures;
}

function countFailed(draft: Draft, change: Of<"fallback" | "fail">, item: Item): void {
  measure(draft, item.node, change.ms)[FIGURE.failed] += 1;
  draft.next.counters.failed += 1;
  draft.event("item.failed", change.item, item.node, item.attempt);
}

/** The last time that is stored. Beyond it ISO text has another form, that not everybody reads. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time that a node asked for, as stored. What is no time (NaN, infinity) must not keep the change from being made. */
export const storedTime = (ms: number): string =>
  iso(Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), LAST_MS));
