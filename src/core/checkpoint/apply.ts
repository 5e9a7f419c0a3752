import type { Change, Outcome } from "./change.ts";
import { applied } from "./change.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  applyCancel,
  applyPause,
  applyResume,
  applySignal,
  applyStart,
} from "./control-changes.ts";
import { Draft } from "./draft.ts";
import type { MergeContext } from "./item-changes.ts";
import { applyItemChange } from "./item-changes.ts";

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
  change.type !== "handed-over" && change.type !== "history-kept";

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
    case "handed-over":
      return handOver(draft, change.items);
    case "history-kept":
      return forgetEvents(draft, change.upTo);
    default:
      return applyItemChange(draft, change, env.merge);
  }
}

function handOver(draft: Draft, items: readonly number[]): Outcome {
  for (const id of items) {
    const item = draft.item(id);
    if (item?.carrier === undefined) continue;
    const { carrier: _carrier, ...rest } = item;
    draft.setItem(id, rest);
  }
  return applied();
}

function forgetEvents(draft: Draft, upTo: number): Outcome {
  const { history } = draft.next;
  history.events = history.events.filter(([number]) => number > upTo);
  return applied();
}
