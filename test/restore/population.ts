import { expect } from "vitest";
import type { Orchestrator, RunInfo } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { type Expected, faultHold, mixture } from "../support/fault-flows.ts";
import type { LiveSystem } from "../support/live-system.ts";

/** Runs of several kinds, with what each must come to. */
export type Population = Map<string, Expected>;

/** Runs of a mixture, and some that sleep and then wait for a signal. */
export async function startRuns(
  orchestrator: Orchestrator,
  group: string,
  count: number,
): Promise<Population> {
  const runs: Population = new Map();
  for (let i = 0; i < count; i++) {
    const runId = `${group}-${i}`;
    runs.set(runId, i % 3 === 2 ? holding(i) : mixture(i));
  }
  await Promise.all(
    [...runs].map(([runId, { workflow, input }]) =>
      orchestrator.startRun(workflow, input, { runId }),
    ),
  );
  return runs;
}

const holding = (i: number): Expected => ({
  workflow: faultHold.name,
  input: 20 + 40 * (i % 5),
  output: 7,
  items: 2,
  retries: 0,
});

/** Every run as lists show it. Fails where one is listed twice. */
async function listed(orchestrator: Orchestrator): Promise<ReadonlyMap<string, RunInfo>> {
  const runs = new Map<string, RunInfo>();
  for (const status of ["running", "paused", "completed", "failed", "cancelled"] as const) {
    const { items, cursor } = await orchestrator.listRuns({ status, limit: 1_000 });
    expect(cursor).toBeNull();
    for (const info of items) {
      expect(runs.get(info.runId), `${info.runId} is listed twice`).toBeUndefined();
      runs.set(info.runId, info);
    }
  }
  return runs;
}

async function runsKnown(orchestrator: Orchestrator, runs: Population): Promise<Population> {
  const known: Population = new Map();
  for (const [runId, run] of runs) {
    const isKnown = await orchestrator.status(runId).then(
      () => true,
      () => false,
    );
    if (isKnown) known.set(runId, run);
  }
  return known;
}

/** Sends the signal that runs wait for, once they do, until all of them that anybody knows have ended. */
export async function untilAllEnded(
  { orchestrator }: LiveSystem,
  runs: Population,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<void> {
  const known = await runsKnown(orchestrator, runs);
  await eventually(
    async () => {
      const going: string[] = [];
      await meanwhile();
      for (const [runId, { workflow }] of known) {
        const { status } = await orchestrator.run(runId);
        if (status !== "running") continue;
        going.push(runId);
        if (workflow !== faultHold.name) continue;
        const [item] = await orchestrator.listWorkItems(runId);
        if (item?.waitsFor === "go") {
          await orchestrator.signal(runId, "go", 7, { signalId: "once" });
        }
      }
      expect(going).toEqual([]);
    },
    { withinMs: 25_000, everyMs: 50 },
  );
}

/** What is wrong with each run: with its end, its figures, its list entry and its history. */
export async function faultsOf(
  { orchestrator, backend }: LiveSystem,
  runs: Population,
): Promise<readonly unknown[]> {
  const wrong: unknown[] = [];
  const lists = await listed(orchestrator);
  for (const [runId, { output, items, retries }] of runs) {
    const [info, metrics, kept, context, history] = await Promise.all([
      orchestrator.run(runId),
      orchestrator.metrics(runId),
      backend.metrics.get(runId),
      orchestrator.context(runId),
      orchestrator.history(runId),
    ]);
    // Of a run that ended and has lost its checkpoint, its list entry is left.
    const isThere = (await backend.contexts.get(runId)) !== null;
    const found = {
      status: info.status,
      output: info.status === "completed" ? info.output : null,
      result: info.status === "completed" ? await orchestrator.result(runId) : null,
      listed: JSON.stringify(lists.get(runId)) === JSON.stringify(info),
      inOrder: history.every(({ number }, i) => number > (history[i - 1]?.number ?? 0)),
      ...(isThere && {
        counts: [metrics.items, metrics.completed, metrics.retries, metrics.failed],
        kept: kept !== null && JSON.stringify(kept) === JSON.stringify(metrics),
        steps: context["steps"],
        end: history.at(-1)?.kind,
      }),
    };
    const must = {
      status: "completed",
      output,
      result: output,
      listed: true,
      inOrder: true,
      ...(isThere && {
        counts: [items, items, retries, 0],
        kept: true,
        steps: items,
        end: "run.completed",
      }),
    };
    if (JSON.stringify(found) !== JSON.stringify(must))
      wrong.push({ runId, found, must, info, metrics, kept });
  }
  return wrong;
}

/** Runs that nobody knows, and runs that failed because nothing of them was left. */
export async function lostRuns(
  { orchestrator }: LiveSystem,
  runs: Population,
): Promise<{ readonly unknown: readonly string[]; readonly failed: readonly string[] }> {
  const unknown: string[] = [];
  const failed: string[] = [];
  for (const runId of runs.keys()) {
    const info = await orchestrator.run(runId).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "not_found" });
      return null;
    });
    if (info === null) unknown.push(runId);
    else if (info.status === "failed" && info.failure.kind === "lost") failed.push(runId);
  }
  return { unknown, failed };
}

/** Does what their client would do. */
export async function startAgain(
  { orchestrator }: LiveSystem,
  runs: Population,
  lost: readonly string[],
): Promise<void> {
  for (const runId of lost) {
    const run = runs.get(runId);
    if (run === undefined) continue;
    await orchestrator.startRun(run.workflow, run.input, { runId });
    expect(await orchestrator.status(runId)).not.toBe("failed");
  }
}
