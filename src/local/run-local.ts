import type { Logger } from "../core/logger.ts";
import { MemoryWorld } from "../memory/world.ts";
import { Orchestrator } from "../orchestrator/orchestrator.ts";
import { Worker } from "../worker/worker.ts";
import type { Fields, InitialOf, Workflow } from "../workflows/index.ts";

export interface RunLocalOptions<F extends Fields> {
  /** Values of context fields to begin with. */
  readonly context?: InitialOf<F>;
  /** Nodes executed at once. @default 16 */
  readonly concurrency?: number;
  /** Milliseconds to wait at most. @default without end */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
}

/**
 * Runs a workflow to its end in this process, with no server: the same engine on stores in memory.
 * Nothing is kept; for tests, scripts and a first look.
 *
 * @returns what the run gave
 * @throws RunFailedError with the recorded failure; FloxideError `validation`, `timeout`
 */
export async function runLocal<F extends Fields, In, Out>(
  workflow: Workflow<F, In, Out>,
  input: NoInfer<In>,
  options: RunLocalOptions<F> = {},
): Promise<Out> {
  const { context, concurrency = 16, timeoutMs, logger } = options;
  const backend = new MemoryWorld().open();
  const log = logger === undefined ? {} : { log: logger };
  const orchestrator = new Orchestrator({ backend, workflows: [workflow], ...log });
  const worker = new Worker(
    { backend, workflows: [workflow], ...log },
    { concurrency, graceMs: 0 },
  );
  try {
    await worker.start();
    const runId = await orchestrator.startRun(
      workflow,
      input,
      context === undefined ? {} : { context },
    );
    await orchestrator.waitForCompletion(runId, timeoutMs === undefined ? {} : { timeoutMs });
    return await orchestrator.result(runId);
  } finally {
    await worker.stop({ graceMs: 0 });
    await orchestrator.close();
    await backend.close();
  }
}
