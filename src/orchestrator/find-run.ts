import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import type { OrchestratorScope } from "./scope.ts";

/** A run as the orchestrator finds it: begun, or accepted and not yet taken by a worker. */
export type FoundRun =
  | { readonly type: "begun"; readonly view: Versioned }
  | { readonly type: "accepted"; readonly info: RunInfo };

/** @throws FloxideError `not_found` */
export async function findRun(scope: OrchestratorScope, runId: string): Promise<FoundRun> {
  const { contexts, runs } = scope.backend;
  const view = await contexts.get(runId);
  if (view !== null) return { type: "begun", view };
  const info = await runs.get(runId);
  if (info !== null) return { type: "accepted", info };
  throw new FloxideError("not_found", `there is no run "${runId}"`, { details: { runId } });
}

/** What lists show of the run, from the checkpoint where there is one. */
export async function runInfo(scope: OrchestratorScope, runId: string): Promise<RunInfo> {
  const found = await findRun(scope, runId);
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
