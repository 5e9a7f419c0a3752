import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { Floors } from "./repair-floors.ts";
import type { OrchestratorScope } from "./scope.ts";

/** Messages of a workflow that one look reads. */
const LOOKED_AT = 200;

/**
 * Drops messages of ended runs that the queue believes acknowledged and keeps all the same: it will never hand them out,
 * and nobody else would ever remove them. Those of runs that go on are replaced when the run is looked at.
 *
 * @param floors - read before: what is below them and still there now is not on its way out
 * @returns how many went
 */
export async function dropForgotten(
  { backend, log }: OrchestratorScope,
  floors: Floors,
): Promise<number> {
  const { queue } = backend;
  let dropped = 0;
  for (const workflow of floors.workflows) {
    const floor = floors.of({ kind: "work", workflow });
    for (const { runId, seq } of await queue.oldest(workflow, LOOKED_AT)) {
      if (seq > floor) break;
      if (!(await isOver(backend, runId))) continue;
      await queue.drop(seq);
      dropped += 1;
      log.warn({ workflow, runId, seq }, "a message that the queue had forgotten was dropped");
    }
  }
  return dropped;
}

/** False also where the entry cannot be read: whoever mends it will want the message. */
async function isOver({ contexts }: Backend, runId: string): Promise<boolean> {
  try {
    const view = await contexts.get(runId);
    return view === null || isTerminal(view.checkpoint.status);
  } catch (error) {
    if (isFloxideError(error, "validation")) return false;
    throw error;
  }
}
