import { drained } from "../drained.ts";
import { figure } from "../figure.ts";
import { type Scenario, sized } from "../scenario.ts";
import { System } from "../system.ts";
import { workflows } from "../workflows.ts";

const { paced, blocking } = workflows;
const PATIENCE = { timeoutMs: 120_000 };
const NODES = 10;

/** L: what happens to the work of a worker whose node computes and computes. It is a check: once, without rounds. */
export const blockedLoop: Scenario = {
  name: "L",
  title: "two workers; a node keeps the event loop of one of them",
  run: async (bench) => {
    const blockMs = sized(bench, 10_000, 3_000);
    await using system = await System.start(bench, {
      workers: 0,
      shared: { ackWaitMs: Math.round(blockMs / 5) },
    });
    const serves = ["paced", "blocking"] as const;
    const stuck = await system.addWorker({ serves, blocks: true, concurrency: 60 });
    const other = await system.addWorker({ serves, concurrency: 60 });
    const { orchestrator } = system;
    const start = (paceMs: number) => orchestrator.startRun(paced, { value: 0, paceMs });
    // Runs that others have ended by the time that it comes back, and runs that are on their way then.
    const short = await times(sized(bench, 200, 20), () => start(20));
    const long = await times(20, () => start(blockMs / 6));
    const blocked = stuck.blocked();
    const blockers: string[] = [];
    let isBlocked = false;
    void blocked.then(() => {
      isBlocked = true;
    });
    while (!isBlocked) {
      // Either worker may take it; the other's node does not block.
      const runId = await orchestrator.startRun(blocking, blockMs);
      blockers.push(runId);
      await Promise.race([blocked, orchestrator.waitForCompletion(runId, PATIENCE)]);
    }
    const began = performance.now();
    bench.say(`blocked for ${blockMs} ms`);
    const ended = (runIds: readonly string[]) =>
      Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId, PATIENCE)));
    await ended([...short, ...blockers]);
    const othersMs = performance.now() - began;
    // It answers when it comes back.
    const first = await stuck.report();
    await ended(long);
    await drained(orchestrator);
    const reports = [first, await stuck.report(), await other.report()];
    const executions = reports.reduce((total, { noted }) => total + noted.length, 0);
    const wrong = [
      ...(await unlike(system, [...short, ...long], NODES)),
      ...(await unlike(system, blockers, 1)),
    ];
    const logged = reports.slice(0, 2).flatMap((report) => report.logged);
    const lines = logged.filter((line) => /event loop/i.test(line));
    return [
      figure({
        what: "what the blocked worker held is ended by the other after",
        unit: "ms",
        rounds: [othersMs],
        bounds: [{ most: blockMs }],
      }),
      figure({
        what: "nodes that were executed once more, because their worker did not answer",
        unit: "executions",
        rounds: [executions - (short.length + long.length) * NODES],
        // None: nothing was taken over, so that the other figures say nothing.
        bounds: [{ least: 1 }],
      }),
      figure({
        what: "runs with a result or a count other than one commit a node",
        unit: "runs",
        rounds: [wrong.length],
        bounds: [{ most: 0 }],
        ...(wrong.length === 0 ? {} : { note: wrong.slice(0, 5).join("; ") }),
      }),
      figure({
        what: "lines in the log of the blocked worker that name the event loop",
        unit: "lines",
        rounds: [lines.length],
        bounds: [{ least: 1 }],
        ...(lines[0] === undefined ? {} : { note: lines[0] }),
      }),
    ];
  },
};

function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, make));
}

/** Runs of that many nodes whose result or count of commits says anything else. */
async function unlike(
  { orchestrator }: System,
  runIds: readonly string[],
  nodes: number,
): Promise<readonly string[]> {
  const checked = await Promise.all(
    runIds.map(async (runId) => {
      const [result, metrics] = await Promise.all([
        orchestrator.result(runId),
        orchestrator.metrics(runId),
      ]);
      // A chain adds one at each node; the node of `blocking` adds one to what it was given.
      const value = (result as { readonly value?: number }).value ?? nodes;
      const isRight = value === nodes && metrics?.completed === nodes && metrics.items === nodes;
      return isRight ? [] : [`${runId}: ${JSON.stringify({ result, metrics })}`];
    }),
  );
  return checked.flat();
}
