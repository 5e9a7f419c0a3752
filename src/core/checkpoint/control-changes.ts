import type { Change, Outcome } from "./change.ts";
import { applied, refused } from "./change.ts";
import type { Item } from "./checkpoint.ts";
import { isGivenUp, START_CARRIER } from "./checkpoint.ts";
import type { Draft } from "./draft.ts";
import { release } from "./item-changes.ts";

/** Signals that a run keeps for holds to come. */
export const SIGNAL_LIMIT = 1_000;
/** Signal ids that are remembered to tell a repeated call. */
const SIGNAL_ID_LIMIT = 100;

/** Begins the run: its first item, carried by the start request. */
export function applyStart(draft: Draft, change: Extract<Change, { type: "start" }>): Outcome {
  if (draft.next.started) return refused("started");
  if (isGivenUp(draft.next)) goOn(draft);
  if (draft.terminal) return refused("terminal");
  Object.assign(draft.next, {
    started: true,
    fingerprint: change.fingerprint,
    version: change.version,
    startSeq: change.startSeq,
    inputHash: change.inputHash,
    context: change.context,
    contextVersion: 0,
  });
  delete draft.next.contextKept;
  draft.event("run.started");
  return applied([draft.add(change.node, change.input, undefined, START_CARRIER)]);
}

/** Stops new nodes from starting. What runs now may still commit. */
export function applyPause(draft: Draft): Outcome {
  if (draft.next.status !== "running") return refused("status");
  draft.next.status = "paused";
  draft.event("run.paused");
  return applied();
}

/**
 * Lets a paused run go on, or a failed one try again from the item that failed it.
 *
 * @returns every item that needs a message: those to run, those that wait for a time
 */
export function applyResume(draft: Draft): Outcome {
  const { status } = draft.next;
  if (status !== "paused" && status !== "failed") return refused("status");
  // A run that failed before its first item was there has nothing to begin again with.
  if (status === "failed" && Object.keys(draft.next.items).length === 0) return refused("status");
  goOn(draft);
  draft.next.epoch += 1;
  draft.event("run.resumed");
  const wanted: number[] = [];
  for (const [key, item] of Object.entries(draft.next.items)) {
    const id = Number(key);
    draft.setItem(id, item.failed === true ? anew(item) : ownMessage(item));
    if (item.hold === undefined || item.hold.until !== null) wanted.push(id);
  }
  return applied(wanted);
}

/** Takes away what a run that ended has. */
export function goOn(draft: Draft): void {
  draft.next.status = "running";
  delete draft.next.finishedAt;
  delete draft.next.failure;
}

/** The fence: nothing of the run commits after it. */
export function applyCancel(draft: Draft): Outcome {
  if (draft.next.status === "cancelled") return refused("status");
  if (draft.terminal) return refused("terminal");
  draft.finish("cancelled");
  return applied();
}

/** Releases the item that has waited longest for this name, or keeps the signal for one to come. */
export function applySignal(draft: Draft, change: Extract<Change, { type: "signal" }>): Outcome {
  if (draft.terminal) return refused("terminal");
  if (draft.next.signalIds.includes(change.id)) return refused("status");
  const waiting = longestWaiting(draft, change.name);
  if (waiting === null && draft.next.signals.length >= SIGNAL_LIMIT) return refused("full");
  draft.next.signalIds.push(change.id);
  if (draft.next.signalIds.length > SIGNAL_ID_LIMIT) draft.next.signalIds.shift();
  draft.event("run.signalled", waiting?.[0] ?? null);
  if (waiting === null) {
    draft.next.signals.push({ name: change.name, payload: change.payload });
    return applied();
  }
  const [id, item] = waiting;
  release(draft, id, item, { type: "signal", name: change.name, payload: change.payload });
  return applied([id]);
}

function longestWaiting(draft: Draft, name: string): readonly [number, Item] | null {
  let found: readonly [number, Item] | null = null;
  for (const [key, item] of Object.entries(draft.next.items)) {
    if (item.hold?.for !== name) continue;
    if (found === null || item.hold.since < (found[1].hold?.since ?? ""))
      found = [Number(key), item];
  }
  return found;
}

/** The item as it waits for a message of its own. */
export function ownMessage(item: Item): Item {
  const { carrier: _carrier, deliveries: _deliveries, trying: _trying, ...rest } = item;
  return rest;
}

/** The item that failed, with all its attempts before it again. */
function anew(item: Item): Item {
  const {
    failed: _f,
    failure: _e,
    lost: _l,
    trying: _t,
    notBefore: _n,
    ...rest
  } = ownMessage(item);
  return { ...rest, attempt: 1, turn: item.turn + 1 };
}
