import type { Orchestrator } from "#floxide";
import { type Pipelined, pipelined } from "./stats.ts";
import { workflows } from "./workflows.ts";

/** Nodes of a chain. */
export const NODES = 10;

/** Starts chains and waits for their ends, so many in flight. Rate and latencies are those of whole runs. */
export function runChains(
  orchestrator: Pick<Orchestrator, "startRun" | "waitForCompletion">,
  count: number,
  inFlight = 100,
): Promise<Pipelined> {
  return pipelined(count, inFlight, async () => {
    await orchestrator.waitForCompletion(await orchestrator.startRun(workflows.chain, 0));
  });
}
