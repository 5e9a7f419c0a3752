import type { Change } from "../core/checkpoint/change.ts";
import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isGivenUp, isTerminal } from "../core/checkpoint/checkpoint.ts";
import { iso } from "../core/clock.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { QueuedMessage } from "../core/ports/work-queue.ts";
import { type RunInfo, toRunInfo } from "../core/records/run-info.ts";
import { requeue } from "../engine/requeue.ts";
import { type Changed, changeRun } from "./change-run.ts";
import { unbegun } from "./find-run.ts";
import type { OrchestratorScope, WriteScope } from "./scope.ts";

// Runs whose checkpoint came back older than it was, or not at all. Invariants:
// 1. A run is set back only where something names a state that its checkpoint, read after that, does not have.
// 2. What is done is one compare-and-set of the checkpoint; what follows from it is repeatable.
// 3. Nothing that was made of a lost state counts after it: turns, message ids and event numbers are new.

/** Events that are read at a time. */
const EVENTS = 1_000;

/** True where somebody knows of a later state of the run than its checkpoint is, so that JetStream has lost it. */
export async function wasSetBack(
  { backend }: OrchestratorScope,
  { checkpoint, revision }: Versioned,
  seen: {
    readonly filed: RunInfo | null;
    readonly queued: readonly QueuedMessage[];
    /** True to look into the history too. */
    readonly history: boolean;
  },
): Promise<boolean> {
  const { runId, workflow, history } = checkpoint;
  const known = Math.max(
    seen.filed?.revision ?? 0,
    ...seen.queued.map((queued) => queued.revision),
  );
  const last = history.next - 1;
  const later = seen.history ? await backend.history.list(workflow, runId, last, EVENTS) : [];
  const event = later.at(-1)?.number ?? 0;
  if (known <= revision && event <= last) return false;
  // The run may have gone on since its checkpoint was read.
  const now = await backend.contexts.get(runId);
  if (now === null) return false;
  return known > now.revision || event >= now.checkpoint.history.next;
}

/** The run as it was set on a new footing, and how many items were queued; null where it has ended or is gone. */
export async function restoreRun(
  scope: OrchestratorScope,
  view: Versioned,
): Promise<{ readonly items: number } | null> {
  const { backend, clock } = scope;
  const { runId, workflow } = view.checkpoint;
  const event = await freeEvent(scope, view.checkpoint);
  // Once: where another revision wins the run has gone on, and it was an old leader that answered.
  const done = await changeRun(scope, view, { type: "restored", event });
  if (done?.changed !== true) return null;
  const { checkpoint, revision, outcome } = done;
  backend.control.tell({ type: "restored", runId, revision });
  await backend.queue.dropRun(workflow, runId);
  const items = outcome.applied && checkpoint.status === "running" ? outcome.items : [];
  await requeue(backend.queue, checkpoint, revision, items, clock.now());
  return { items: items.length };
}

/** Ends a run that has nothing left to begin with. @returns false where somebody has begun it meanwhile */
export async function giveUpRun(
  scope: OrchestratorScope,
  info: RunInfo,
  view: Versioned | null,
): Promise<boolean> {
  const now = scope.clock.now();
  const base = view ?? { checkpoint: unbegun(info, now), revision: 0 };
  const event = await freeEvent(scope, base.checkpoint);
  const failure = {
    kind: "lost",
    name: "LostRunError",
    message:
      "JetStream has lost the run: neither its checkpoint nor its start request is there. Start it again with the same run id, or another",
    fatal: true,
    stack: null,
    node: null,
    item: null,
    attempt: null,
    at: iso(now),
  } as const;
  const done = await change(scope, base, { type: "give-up", event, failure });
  if (done === null) return false;
  await scope.backend.queue.dropRun(info.workflow, info.runId);
  return true;
}

/** Has a run that was given up wait for the start request that is about to be sent. Others are left as they are. */
export async function reviveRun(scope: WriteScope, runId: string): Promise<void> {
  const { contexts, runs } = scope.backend;
  const view = await contexts.get(runId);
  if (view === null || !isGivenUp(view.checkpoint)) return;
  await change(scope, view, { type: "await-start" });
  await runs.refile(runId, async () => {
    const now = await contexts.get(runId);
    return now === null ? null : toRunInfo(now.checkpoint, now.revision);
  });
}

/** True where something is left of what a run did, though not its checkpoint. */
export async function hasTraces(
  { backend }: OrchestratorScope,
  { runId, workflow, revision }: RunInfo,
): Promise<boolean> {
  if (revision > 0) return true;
  const found = await Promise.all([
    backend.queue.queued(workflow, runId),
    backend.history.list(workflow, runId, 0, 1),
    backend.errors.list(runId, 1),
  ]);
  return found.some((traces) => traces.length > 0);
}

/** A number above those of all events of the run in the history stream. */
async function freeEvent({ backend }: OrchestratorScope, checkpoint: Checkpoint): Promise<number> {
  const { runId, workflow, history } = checkpoint;
  for (let after = history.next - 1; ; ) {
    const events = await backend.history.list(workflow, runId, after, EVENTS);
    const last = events.at(-1);
    if (last === undefined) return after + 1;
    after = last.number;
  }
}

/** Applies, compares and sets, until one revision wins. Null where the change is refused. */
async function change(scope: WriteScope, from: Versioned, what: Change): Promise<Changed | null> {
  const { contexts } = scope.backend;
  for (let view: Versioned | null = from; view !== null; ) {
    const done: Changed | null = await changeRun(scope, view, what);
    if (done !== null) return done.changed ? done : null;
    view = await contexts.get(from.checkpoint.runId);
    if (view !== null && isTerminal(view.checkpoint.status)) return null;
  }
  return null;
}
