import type { Change } from "../core/checkpoint/change.ts";
import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { SIGNAL_LIMIT } from "../core/checkpoint/control-changes.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import { type Json, toJson } from "../core/json.ts";
import { newId } from "../core/new-id.ts";
import type { ControlCommand } from "../core/ports/control-bus.ts";
import { type Heartbeat, livenessOf } from "../core/records/liveness.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import { MAX_ID_BYTES } from "../core/token.ts";
import { projectRun } from "../engine/project.ts";
import { requeue } from "../engine/requeue.ts";
import { checkSignal } from "../workflows/index.ts";
import { type Changed, changeRun } from "./change-run.ts";
import { dropStart, type FoundRun, findRun, infoOfFound, runInfo, unbegun } from "./find-run.ts";
import { type RepairLook, repairRun } from "./repair-run.ts";
import type { OrchestratorScope } from "./scope.ts";

// Commands to a run. Each is one compare-and-set of its checkpoint: when it is written the command holds, whatever
// becomes of what follows (queue, lists, notices), all of which is repeatable.

/** A look at one run by a command that finds it as an earlier one may have left it. */
const AT_ONCE: RepairLook = {
  quietMs: 0,
  restored: false,
  thorough: false,
  trustsHistory: false,
  waiting: null,
};

/** Workers that are looked at side by side. */
const WIDTH = 16;

/** The run that a command is for. @throws FloxideError `illegal_state` where its entry has expired before the list did */
async function findFor(scope: OrchestratorScope, runId: string, verb: string): Promise<FoundRun> {
  const found = await findRun(scope, runId);
  if (found.type === "accepted" && isTerminal(found.info.status))
    throw illegal(verb, runId, found.info.status);
  return found;
}

/** Reads, applies, compares and sets, until one revision wins. */
async function commit(scope: OrchestratorScope, runId: string, change: Change): Promise<Changed> {
  for (;;) {
    const found = await findFor(scope, runId, change.type);
    const base =
      found.type === "begun"
        ? found.view
        : { checkpoint: unbegun(found.info, scope.clock.now()), revision: 0 };
    const done = await changeRun(scope, base, change);
    if (done !== null) return done;
  }
}

/**
 * Cancels a run: when this has returned nothing of it commits any more and its queued work is gone.
 *
 * A run that is cancelled already stays so.
 * @throws FloxideError `not_found`, `illegal_state` for a run that completed or failed
 */
export async function cancelRun(scope: OrchestratorScope, runId: string): Promise<void> {
  const done = await commit(scope, runId, { type: "cancel" }).catch((error: unknown) => {
    if (isFloxideError(error, "illegal_state") && error.details["status"] === "cancelled")
      return null;
    throw error;
  });
  if (done === null) return;
  const { checkpoint, revision, outcome } = done;
  const { status } = checkpoint;
  if (!outcome.applied && status !== "cancelled") throw illegal("cancel", runId, status);
  const { backend } = scope;
  const heard = askWorkers(scope, { type: "cancel", runId, revision });
  const [silent] = await Promise.all([heard, projectRun(backend, checkpoint, revision)]);
  // Now: what a worker had begun to queue when the run was cancelled is there.
  await backend.queue.dropRun(checkpoint.workflow, runId);
  // No worker may ever come that would take its request.
  if (!checkpoint.started) await dropStart(scope, runId);
  if (silent.length > 0) {
    scope.log.warn(
      { runId, silent },
      "some workers did not answer: one that is cut off may still queue work, which will not be executed",
    );
  }
}

/**
 * Pauses a run: when this has returned no new node of it starts. What runs now may still commit.
 *
 * @throws FloxideError `not_found`, `illegal_state` for a run that has ended
 */
export async function pauseRun(scope: OrchestratorScope, runId: string): Promise<void> {
  const { checkpoint, revision, outcome } = await commit(scope, runId, { type: "pause" });
  const { status } = checkpoint;
  if (!outcome.applied && status !== "paused") throw illegal("pause", runId, status);
  const [silent] = await Promise.all([
    askWorkers(scope, { type: "pause", runId, revision }),
    projectSteered(scope, checkpoint, revision),
  ]);
  if (silent.length > 0) {
    scope.log.warn(
      { runId, silent },
      "some workers did not answer: one that is cut off may start one more node",
    );
  }
}

/** Tells all workers, and waits for those that are alive. @returns ids of those that did not answer in time */
async function askWorkers(
  { backend, clock, options }: OrchestratorScope,
  command: ControlCommand,
): Promise<readonly string[]> {
  const { liveness } = backend;
  const isAlive = (heartbeat: Heartbeat | null): boolean =>
    heartbeat !== null && livenessOf(heartbeat, clock.now(), options.aliveMs) === "alive";
  const known = await inParallel(await liveness.list(), WIDTH, async (listed) => {
    // A replica that is behind shows a worker as it was some time ago.
    const alive = isAlive(listed) || isAlive(await liveness.get(listed.workerId));
    return alive ? listed.workerId : null;
  });
  const workers = known.filter((workerId) => workerId !== null);
  const answers = await backend.control.ask(command, workers, options.answerMs);
  return workers.filter((workerId) => !answers.includes(workerId));
}

/**
 * Lets a paused run go on, or a failed one try again from the items that failed, attempts counted anew.
 *
 * @throws FloxideError `not_found`, `illegal_state` for a run that is running, completed or cancelled
 */
export async function resumeRun(scope: OrchestratorScope, runId: string): Promise<void> {
  const { backend, clock } = scope;
  // Filed as running before it is: a resume that dies half-way leaves a run where repair looks for it.
  const before = infoOfFound(await findFor(scope, runId, "resume"));
  if (before.status === "paused" || before.status === "failed") {
    const { version, workflow, createdAt, inputHash, revision } = before;
    const known = { runId, version, workflow, createdAt, inputHash, revision };
    await backend.runs.replace({ ...known, status: "running" }, null);
  }
  const { checkpoint, revision, outcome } = await commit(scope, runId, { type: "resume" });
  if (!outcome.applied) {
    await backend.runs.replace(toRunInfo(checkpoint, revision), null);
    // Perhaps an earlier call that got no further: what it left without a message gets one.
    if (checkpoint.status === "running" && (await repairRun(scope, runId, AT_ONCE)) !== null)
      return;
    throw illegal("resume", runId, checkpoint.status);
  }
  backend.control.tell({ type: "resume", runId, revision });
  await requeue(backend.queue, checkpoint, revision, outcome.items, clock.now());
  await projectSteered(scope, checkpoint, revision);
}

/**
 * Sends a signal: it releases the item that has waited longest for this name, or is kept for the next that will.
 *
 * @param id - the same id twice is the same signal
 * @throws FloxideError `not_found`, `illegal_state` for a run that has ended, `validation` for a payload that is not
 * JSON or when too many signals wait
 */
export async function signalRun(
  scope: OrchestratorScope,
  runId: string,
  name: string,
  payload: unknown,
  id: string = newId(),
): Promise<void> {
  checkText(name, "the name of a signal");
  checkText(id, "the id of a signal");
  const value = toJson(payload ?? null, `the payload of signal "${name}"`);
  await checkPayload(scope, runId, name, value);
  const change: Change = { type: "signal", id, name, payload: value };
  const { checkpoint, revision, outcome } = await commit(scope, runId, change);
  if (!outcome.applied && outcome.refusal === "terminal") {
    throw illegal("signal", runId, checkpoint.status);
  }
  if (!outcome.applied && outcome.refusal === "full") {
    throw new FloxideError(
      "validation",
      `run "${runId}" keeps ${SIGNAL_LIMIT} signals already: it waits for none`,
      { details: { runId, limit: SIGNAL_LIMIT } },
    );
  }
  if (checkpoint.status !== "running") return;
  // A repeated call may be one that got no further: what it released may have no message yet.
  const released = outcome.applied ? outcome.items : releasedBy(checkpoint, name);
  const { queue } = scope.backend;
  // The timer of the hold that was released, by the turn of that hold: the next one has a timer of its own.
  for (const id of released) {
    const turn = checkpoint.items[id]?.turn ?? 0;
    await queue.unschedule(checkpoint.workflow, runId, id, turn - 1);
  }
  await requeue(queue, checkpoint, revision, released, scope.clock.now());
}

/** Items that a signal of this name has released and that have not run since. */
function releasedBy(checkpoint: Checkpoint, name: string): number[] {
  return Object.entries(checkpoint.items)
    .filter(
      ([, { wake, hold }]) => hold === undefined && wake?.type === "signal" && wake.name === name,
    )
    .map(([key]) => Number(key));
}

function checkText(text: string, what: string): void {
  const bytes = typeof text === "string" ? Buffer.byteLength(text) : 0;
  if (bytes > 0 && bytes <= MAX_ID_BYTES) return;
  throw new FloxideError(
    "validation",
    `${what} must be 1 to ${MAX_ID_BYTES} bytes, it is ${bytes}`,
  );
}

/** Refuses at the door what the nodes that wait for the signal would refuse, where the workflow is known here. */
async function checkPayload(
  scope: OrchestratorScope,
  runId: string,
  name: string,
  payload: Json,
): Promise<void> {
  const { workflow, version } = await runInfo(scope, runId);
  const known = scope.registry.find(workflow, version);
  if (known !== null) await checkSignal(known, name, payload);
}

/** The list entry of a steered run. A worker may have ended it meanwhile: then the newer state is filed after it. */
async function projectSteered(
  scope: OrchestratorScope,
  checkpoint: Checkpoint,
  revision: number,
): Promise<void> {
  await projectRun(scope.backend, checkpoint, revision);
  const now = await scope.backend.contexts.get(checkpoint.runId, revision);
  if (
    now !== null &&
    now.checkpoint.status !== checkpoint.status &&
    isTerminal(now.checkpoint.status)
  ) {
    await scope.backend.runs.replace(toRunInfo(now.checkpoint, now.revision), null);
  }
}

function illegal(verb: string, runId: string, status: string): FloxideError {
  return new FloxideError("illegal_state", `cannot ${verb} run "${runId}": it is ${status}`, {
    details: { runId, status },
  });
}
