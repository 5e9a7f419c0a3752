import type { Fields, InitialOf, Workflow } from "../workflows/index.ts";
import { LocalSystem, type LocalSystemOptions } from "./local-system.ts";

export interface RunLocalOptions<F extends Fields> extends Omit<LocalSystemOptions, "workflows"> {
  /** Values of context fields to begin with. */
  readonly context?: InitialOf<F>;
  /** Milliseconds to wait at most. @default without end */
  readonly timeoutMs?: number;
}

/**
 * Runs a workflow to its end in this process, with no server. For more than its result, see {@link LocalSystem}.
 *
 * @returns what the run gave
 * @throws RunFailedError with the recorded failure; FloxideError `validation`, `timeout`
 */
export async function runLocal<F extends Fields, In, Out>(
  workflow: Workflow<F, In, Out>,
  input: NoInfer<In>,
  options: RunLocalOptions<F> = {},
): Promise<Out> {
  const { context, timeoutMs, ...rest } = options;
  const system = await LocalSystem.start({ ...rest, workflows: [workflow] });
  const { orchestrator } = system;
  try {
    const started = context === undefined ? {} : { context };
    const runId = await orchestrator.startRun(workflow, input, started);
    await orchestrator.waitForCompletion(runId, timeoutMs === undefined ? {} : { timeoutMs });
    return await orchestrator.result(runId);
  } finally {
    await system.stop();
  }
}
