import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { faultFlows, faultHold, instrument } from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";
import { type Ages, allFrom, Backups, without } from "./backups.ts";
import { faultsOf, lostRuns, startAgain, startRuns, untilAllEnded } from "./population.ts";

// Workers, an orchestrator and somebody who waits for a run are connected while the stores are taken away from under them
// and come back older. Nobody says so: the usual look of a service finds out. The server is killed four times:
//   "filed":  the runs have been started, and nobody has taken them;
//   "early":  workers had them in hand, and go on;
//   "middle": the same, later;
//   "ended":  all runs have ended but one, which waits for a signal.

const CASES: readonly { readonly name: string; readonly ages: Ages }[] = [
  { name: "all streams", ages: allFrom("early") },
  {
    name: "each stream by another piece",
    ages: allFrom("middle", { context: "early", runs: "ended", history: "filed", errors: "filed" }),
  },
  { name: "the lists and figures, all of them,", ages: without("middle", "runs", "metrics") },
];

test.each(CASES)(
  "workers go on where $name came back older",
  async ({ ages }) => {
    let executions = 0;
    instrument(() => {
      executions += 1;
    }, 3);
    await using backups = await Backups.create();
    await using system = await LiveSystem.start(faultFlows, { patienceMs: 20_000 });
    const { orchestrator, server } = system;
    const look = () => orchestrator.repair({ quietMs: 1_000 });
    const runs = await startRuns(orchestrator, "run", 18);
    runs.set("waiting", { workflow: faultHold.name, input: 1, output: 7, items: 2, retries: 0 });
    await orchestrator.startRun(faultHold, 1, { runId: "waiting" });
    await backups.take("filed", server);
    for (const _worker of [1, 2]) await system.worker({ concurrency: 4 });
    for (const age of ["early", "middle"]) {
      const reached = executions;
      await eventually(() => expect(executions).toBeGreaterThan(reached + 25), { everyMs: 1 });
      await backups.take(age, server);
    }
    const told = orchestrator.waitForCompletion("waiting", { timeoutMs: 50_000 });
    told.catch(() => {});
    await untilAllEnded(system, new Map([...runs].filter(([runId]) => runId !== "waiting")));
    await look();
    await backups.take("ended", server);
    await backups.putBack(server, ages);
    // What is gone is made by whoever connects next.
    await system.open();
    for (const [runId, run] of await startRuns(orchestrator, "later", 6)) runs.set(runId, run);
    await untilAllEnded(system, runs, look);
    const lost = await lostRuns(system, runs);
    await startAgain(system, runs, [...lost.failed, ...lost.unknown]);
    await untilAllEnded(system, runs, look);
    // Lists and figures of runs that had ended follow where all runs are looked at.
    await orchestrator.repair({ all: true, quietMs: 0 });
    expect(await faultsOf(system, runs)).toEqual([]);
    expect(await told).toMatchObject({ status: "completed", output: 7 });
    await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 20_000 });
  },
  60_000,
);
