import { inParallel } from "../core/in-parallel.ts";
import type { QueuedStart } from "../core/ports/work-queue.ts";
import { type StartRequest, startRequestBody } from "../core/records/start-request.ts";
import { infoOfStart, readable } from "./find-run.ts";
import type { Floors } from "./repair-floors.ts";
import type { RepairTally } from "./repair-report.ts";
import type { OrchestratorScope } from "./scope.ts";
import { WaitingStarts } from "./waiting-starts.ts";

/** Start requests that are handled at a time. */
const WIDTH = 16;

/** How start requests are looked at. */
interface StartLook {
  /** So many of them, the oldest. */
  readonly limit: number;
  /** True to file those whose runs are not listed. */
  readonly thorough: boolean;
  /** True where the queue may have come back older than it was: none is trusted to be handed out. */
  readonly restored: boolean;
}

/**
 * Queues start requests again that the queue keeps and would never hand out, because it believes them acknowledged.
 *
 * @param floors - read before: what is below them and still there now is not on its way out
 * @returns the runs whose requests are in the queue, or null where they are more than the limit
 */
export async function repairStarts(
  scope: OrchestratorScope,
  tally: RepairTally,
  floors: Floors,
  { limit, thorough, restored }: StartLook,
): Promise<WaitingStarts | null> {
  const { queue, namespace } = scope.backend;
  const starts = await queue.startsWaiting(limit);
  await inParallel(starts, WIDTH, async (start) => {
    const request = readable(start, namespace);
    if (request !== null && thorough) await fileStart(scope, start, request);
    const floor = floors.of({ kind: "start", workflow: start.workflow });
    if (!restored && start.seq > floor) return;
    await requeueStart(scope, start, request, restored);
    tally.start();
  });
  return starts.length < limit ? new WaitingStarts(scope, starts) : null;
}

async function requeueStart(
  { backend, log }: OrchestratorScope,
  start: QueuedStart,
  request: StartRequest | null,
  restored: boolean,
): Promise<void> {
  // The run id goes into the body: were it made of the message's place, the new one would be another run.
  const body = request === null ? start.body : startRequestBody(request);
  await backend.queue.requeueStart({ ...start, body });
  const { workflow, seq } = start;
  const why = restored
    ? "a start request queued again: after a restore the queue may not hand it out"
    : "a start request that the queue had forgotten queued again";
  log.warn({ workflow, seq }, why);
}

/** Lists the run of a request, unless it is listed or has begun. */
async function fileStart(
  { backend }: OrchestratorScope,
  start: QueuedStart,
  request: StartRequest,
): Promise<void> {
  const { contexts, runs } = backend;
  if ((await runs.get(request.runId)) !== null) return;
  if ((await contexts.get(request.runId)) === null) await runs.create(infoOfStart(start, request));
}
