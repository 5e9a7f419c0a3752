import type { Change, Outcome } from "./change.ts";
import { applied, refused } from "./change.ts";
import { isGivenUp } from "./checkpoint.ts";
import { goOn, ownMessage } from "./control-changes.ts";
import type { Draft } from "./draft.ts";

// What happens to a run when JetStream comes back with less than it had acknowledged.

/** More turns than an item takes in what can be lost. */
const TURNS = 1_000;

/**
 * Sets the run on a footing that nothing lost can be taken for: its items are on turns, its messages have ids and its
 * events have numbers that were not there before. Items keep their numbers, which nodes may use as keys.
 *
 * @returns every item that needs a message
 */
export function applyRestored(draft: Draft, { event }: Of<"restored">): Outcome {
  if (draft.terminal) return refused("terminal");
  beyond(draft, event);
  draft.event("run.restored");
  const wanted: number[] = [];
  for (const [key, item] of Object.entries(draft.next.items)) {
    const id = Number(key);
    const { lost: _lost, ...rest } = ownMessage(item);
    draft.setItem(id, { ...rest, turn: item.turn + TURNS });
    if (item.hold === undefined || item.hold.until !== null) wanted.push(id);
  }
  return applied(wanted);
}

/** Ends a run that nothing can begin any more. Where it is begun after all, nothing lost can be taken for it. */
export function applyGiveUp(draft: Draft, { event, failure }: Of<"give-up">): Outcome {
  if (draft.next.started) return refused("started");
  if (draft.terminal) return refused("terminal");
  beyond(draft, event);
  draft.next.failure = failure;
  draft.finish("failed");
  return applied();
}

/** Has a run that was given up wait for its start request again. */
export function applyAwaitStart(draft: Draft): Outcome {
  if (!isGivenUp(draft.next)) return refused("status");
  goOn(draft);
  draft.event("run.resumed");
  return applied();
}

type Of<T extends Change["type"]> = Extract<Change, { readonly type: T }>;

/** Message ids, turns and event numbers that were not there before. */
function beyond({ next }: Draft, event: number): void {
  next.epoch += 1;
  next.firstTurn = (next.firstTurn ?? 0) + TURNS;
  next.history.next = Math.max(next.history.next, event);
}
