import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import { type Expected, mixture } from "./fault-flows.ts";
import type { LiveSystem } from "./live-system.ts";

/** Waits until the one item of the run that is left is held in its node `wait`. */
export async function untilWaiting({ orchestrator }: LiveSystem, id: string): Promise<void> {
  await eventually(async () =>
    expect(await orchestrator.listWorkItems(id)).toMatchObject([{ node: "wait", state: "held" }]),
  );
}

/**
 * Starts two dozen runs of the mixture and pauses each as soon as its first item is executed, so that most of them are
 * paused somewhere on their way; then stops the worker.
 *
 * @param executed - `<run>/<item>` of every execution
 */
export async function pausedOnTheirWay(
  system: LiveSystem,
  executed: () => ReadonlySet<string>,
): Promise<ReadonlyMap<string, Expected>> {
  const { orchestrator } = system;
  const worker = await system.worker();
  const runs = new Map<string, Expected>();
  for (let i = 0; i < 24; i++) {
    const expected = mixture(i);
    const id = await orchestrator.startRun(expected.workflow, expected.input);
    runs.set(id, expected);
    await eventually(() => expect(executed().has(`${id}/1`)).toBe(true), { everyMs: 1 });
    await orchestrator.pause(id).catch(() => {});
  }
  await worker.stop({ graceMs: 5_000 });
  return runs;
}
