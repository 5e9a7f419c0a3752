import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../core/checkpoint/checkpoint.ts";
import { iso } from "../core/clock.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { QueuedStart } from "../core/ports/work-queue.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import type { RawStart, StartRequest } from "../core/records/start-request.ts";
import { inputHashOf, readStart } from "../core/records/start-request.ts";
import { checkRunId, SAFE_NAME } from "../core/token.ts";
import type { OrchestratorScope } from "./scope.ts";

/** A run as the orchestrator finds it: begun, or accepted and not yet taken by a worker. */
export type FoundRun =
  | { readonly type: "begun"; readonly view: Versioned }
  | { readonly type: "accepted"; readonly info: RunInfo };

/** @throws FloxideError `not_found`, `validation` for what is no run id */
export async function findRun(scope: OrchestratorScope, runId: string): Promise<FoundRun> {
  checkRunId(runId);
  const { contexts, runs } = scope.backend;
  const view = await contexts.get(runId);
  if (view !== null) return { type: "begun", view };
  const info = await runs.get(runId);
  if (info !== null) return { type: "accepted", info };
  const waiting = await waitingStart(scope, runId);
  if (waiting !== null) return { type: "accepted", info: waiting };
  // A worker may have taken the request between the looks: it leaves the queue only after the run has begun.
  const begun = await contexts.get(runId);
  if (begun !== null) return { type: "begun", view: begun };
  throw new FloxideError("not_found", `there is no run "${runId}"`, { details: { runId } });
}

/** Start requests that are looked through for a run which was published without a client and not taken yet. */
const LOOKED_THROUGH = 5_000;

/** Drops the start request of a run that nobody will begin any more. Among the oldest that wait. */
export async function dropStart({ backend }: OrchestratorScope, runId: string): Promise<void> {
  for (const { raw } of await startsOf(backend, runId)) await backend.queue.drop(raw.seq);
}

/** The info of a run that only its start request in the queue knows of. */
async function waitingStart(
  { backend }: OrchestratorScope,
  runId: string,
): Promise<RunInfo | null> {
  const [first] = await startsOf(backend, runId);
  return first === undefined ? null : infoOfStart(first.raw, first.request);
}

/** The run's start requests among the oldest that wait. */
async function startsOf({ queue, namespace }: Backend, runId: string) {
  const found: { readonly raw: QueuedStart; readonly request: StartRequest }[] = [];
  for (const raw of await queue.startsWaiting(LOOKED_THROUGH)) {
    const request = readable(raw, namespace);
    if (request?.runId === runId) found.push({ raw, request });
  }
  return found;
}

/** What lists show of a run that only its start request knows of. */
export function infoOfStart(
  { acceptedAt }: Pick<RawStart, "acceptedAt">,
  request: StartRequest,
): RunInfo {
  return {
    runId: request.runId,
    workflow: request.workflow,
    version: request.version ?? 0,
    createdAt: iso(acceptedAt),
    inputHash: inputHashOf(request),
    revision: 0,
    status: "running",
  };
}

/** The request, or null where nobody can read it: the worker that takes it keeps it as a dead letter. */
export function readable(raw: RawStart, namespace: string): StartRequest | null {
  // Anybody may publish on `<ns>.start.<anything>`: no worker can have a workflow of such a name.
  if (!SAFE_NAME.test(raw.workflow)) return null;
  try {
    return readStart(raw, namespace);
  } catch (error) {
    if (isFloxideError(error, "validation")) return null;
    throw error;
  }
}

/** What lists show of the run, from the checkpoint where there is one. */
export async function runInfo(scope: OrchestratorScope, runId: string): Promise<RunInfo> {
  return infoOfFound(await findRun(scope, runId));
}

/** What lists show of the run. */
export function infoOfFound(found: FoundRun): RunInfo {
  if (found.type === "accepted") return found.info;
  return toRunInfo(found.view.checkpoint, found.view.revision);
}

/** A checkpoint for a run that no worker has taken, so that a command can be written down. */
export function unbegun(info: RunInfo, now: number): Checkpoint {
  return newCheckpoint(
    {
      runId: info.runId,
      workflow: info.workflow,
      version: info.version,
      fingerprint: "",
      inputHash: info.inputHash,
      startSeq: 0,
      context: {},
      createdAt: Date.parse(info.createdAt),
    },
    now,
  );
}
