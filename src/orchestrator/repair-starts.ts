import type { QueuedStart } from "../core/ports/work-queue.ts";
import { type StartRequest, startRequestBody } from "../core/records/start-request.ts";
import { infoOfStart, readable } from "./find-run.ts";
import type { RepairTally } from "./repair-report.ts";
import type { OrchestratorScope } from "./scope.ts";

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
 * @returns ids of the runs whose requests are in the queue, or null where they are more than the limit
 */
export async function repairStarts(
  scope: OrchestratorScope,
  tally: RepairTally,
  { limit, thorough, restored }: StartLook,
): Promise<ReadonlySet<string> | null> {
  const { queue, namespace } = scope.backend;
  const floors = new Map<string, number>();
  for (const { workflow } of await queue.backlog()) {
    floors.set(workflow, await queue.ackFloor({ kind: "start", workflow }));
  }
  const starts = await queue.startsWaiting(limit);
  const runs = new Set<string>();
  const left = [...starts];
  const lane = async (): Promise<void> => {
    for (let start = left.shift(); start !== undefined; start = left.shift()) {
      const request = readable(start, namespace);
      if (request !== null) runs.add(request.runId);
      if (request !== null && thorough) await fileStart(scope, start, request);
      if (!restored && start.seq > (floors.get(start.workflow) ?? 0)) continue;
      await requeueStart(scope, start, request);
      tally.start();
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  return starts.length < limit ? runs : null;
}

async function requeueStart(
  { backend, log }: OrchestratorScope,
  start: QueuedStart,
  request: StartRequest | null,
): Promise<void> {
  // The run id goes into the body: were it made of the message's place, the new one would be another run.
  const body = request === null ? start.body : startRequestBody(request);
  await backend.queue.requeueStart({ ...start, body });
  const { workflow, seq } = start;
  log.warn({ workflow, seq }, "a start request that the queue had forgotten queued again");
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
