import { type Checkpoint, newCheckpoint } from "../core/checkpoint/checkpoint.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { toFailure } from "../core/failure.ts";
import { newId } from "../core/new-id.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { projectRun } from "../engine/project.ts";
import type { RunSession } from "../engine/session.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import type { WorkerScope } from "./scope.ts";

/**
 * Why a request is refused, whatever was thrown while it was looked at: a schema of the user's may throw anything.
 *
 * @throws the error itself where it is of the backend: then nothing is known about the request
 */
export function refusalOf(error: unknown): FloxideError {
  if (isFloxideError(error, "backend")) throw error;
  if (isFloxideError(error)) return error;
  return new FloxideError("validation", `the start request cannot be looked at: ${String(error)}`, {
    cause: error,
  });
}

export interface Unbegun {
  readonly delivery: Delivery;
  readonly request: StartRequest & { readonly inputHash: string };
  readonly workflow: AnyWorkflow;
  readonly session: RunSession;
  readonly refusal: FloxideError;
}

/**
 * Writes down that a run failed before it began, so that whoever started it can see why. Its input is not kept.
 *
 * @returns false where somebody changed the run meanwhile: nothing is written, and the request is to be looked at again
 */
export async function failUnbegun(scope: WorkerScope, unbegun: Unbegun): Promise<boolean> {
  const { delivery, request, workflow, session, refusal } = unbegun;
  const { backend, clock } = scope;
  const now = clock.now();
  const stored = session.known;
  const base =
    stored?.checkpoint ??
    newCheckpoint(
      {
        runId: request.runId,
        workflow: workflow.name,
        version: workflow.version,
        fingerprint: workflow.fingerprint,
        inputHash: request.inputHash,
        startSeq: delivery.seq,
        context: {},
        createdAt: delivery.acceptedAt,
      },
      now,
    );
  const failed: Checkpoint = {
    ...base,
    started: true,
    startSeq: delivery.seq,
    status: "failed",
    finishedAt: new Date(now).toISOString(),
    failure: toFailure(refusal, { node: workflow.start, item: null, attempt: null, now }),
    commit: newId(),
  };
  const revision =
    stored === null
      ? await backend.contexts.create(failed)
      : await backend.contexts.update(failed, stored.revision);
  if (revision === null) return false;
  await projectRun(backend, failed, revision);
  return true;
}
