import type { Change, Outcome } from "./change.ts";
import { applied, refused } from "./change.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  applyCancel,
  applyPause,
  applyResume,
  applySignal,
  applyStart,
} from "./control-changes.ts";
import { Draft } from "./draft.ts";
import { eventsFrom } from "./events.ts";
import type { MergeContext } from "./item-changes.ts";
import { applyItemChange } from "./item-changes.ts";
import { applyAwaitStart, applyGiveUp, applyRestored } from "./restore-changes.ts";

/** What a change needs from outside the checkpoint. */
export interface ChangeEnvironment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Worker or orchestrator that makes the change, for the history. */
  readonly by: string | null;
  /** Unique to this write. */
  readonly commit: string;
  readonly merge: MergeContext;
}

export interface Applied {
  readonly checkpoint: Checkpoint;
  /** One for each change, in their order. */
  readonly outcomes: readonly Outcome[];
  /** False where nothing happened that is worth a write. */
  readonly changed: boolean;
}

/**
 * All state changes of a run: the checkpoint as it stands after the changes, each judged after those before it.
 * The checkpoint given is left as it is.
 */
export function applyChanges(
  checkpoint: Checkpoint,
  changes: readonly Change[],
  env: ChangeEnvironment,
): Applied {
  const draft = new Draft(checkpoint, env.now, env.by);
  const outcomes = changes.map((change) => applyOne(draft, change, env));
  const changed = changes.some(
    (change, i) => outcomes[i]?.applied === true && isWorthAWrite(change),
  );
  if (!changed) return { checkpoint, outcomes, changed };
  draft.next.updatedAt = draft.time;
  draft.next.commit = env.commit;
  return { checkpoint: draft.next, outcomes, changed };
}

const isWorthAWrite = (change: Change): boolean =>
  change.type === "handed-over" ? change.before === "ack" : change.type !== "history-kept";

function applyOne(draft: Draft, change: Change, env: ChangeEnvironment): Outcome {
  switch (change.type) {
    case "start":
      return applyStart(draft, change);
    case "pause":
      return applyPause(draft);
    case "resume":
      return applyResume(draft);
    case "cancel":
      return applyCancel(draft);
    case "signal":
      return applySignal(draft, change);
    case "restored":
      return applyRestored(draft, change);
    case "give-up":
      return applyGiveUp(draft, change);
    case "await-start":
      return applyAwaitStart(draft);
    case "handed-over":
      return handOver(draft, change);
    case "history-kept":
      return forgetEvents(draft, change.upTo);
    default:
      return applyItemChange(draft, change, env.merge);
  }
}

function handOver(
  draft: Draft,
  { items, before }: Extract<Change, { type: "handed-over" }>,
): Outcome {
  // Nothing is written to a run that has ended: a cancel is a fence for this too.
  if (draft.terminal && before === "ack") return refused("terminal");
  let isNew = false;
  for (const { id, turn } of items) {
    const item = draft.item(id);
    // At a later turn something else vouches for it, until that has queued it in its turn.
    if (item?.turn !== turn) continue;
    // What another change of the same write has taken away is written with it.
    if (draft.base.items[id]?.carrier !== undefined) isNew = true;
    const { carrier: _carrier, ...rest } = item;
    draft.setItem(id, rest);
  }
  return isNew || before === undefined ? applied() : refused("gone");
}

function forgetEvents(draft: Draft, upTo: number): Outcome {
  const { history } = draft.next;
  const from = history.events.findIndex(([number]) => number > upTo);
  history.events = from < 0 ? [] : eventsFrom(history.events, from);
  return applied();
}
