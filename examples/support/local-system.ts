import type { AnyWorkflow } from "../../src/index.ts";
import { MemoryWorld, Orchestrator, Worker } from "../../src/testing/index.ts";

/**
 * An orchestrator and a worker on stores in memory, for examples that steer their runs: `runLocal` only waits for the end.
 * Users import these from "floxide/testing"; on a server it is `DistributedOrchestrator` and `DistributedWorker`.
 */
export async function withLocalSystem<T>(
  workflows: readonly AnyWorkflow[],
  use: (orchestrator: Orchestrator) => Promise<T>,
): Promise<T> {
  const backend = new MemoryWorld().open();
  const orchestrator = new Orchestrator({ backend, workflows });
  const worker = new Worker({ backend, workflows });
  try {
    await worker.start();
    return await use(orchestrator);
  } finally {
    await worker.stop({ graceMs: 0 });
    await orchestrator.close();
    await backend.close();
  }
}
