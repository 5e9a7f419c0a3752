import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { faultFlows, instrument } from "../support/fault-flows.ts";
import { LiveSystem } from "../support/live-system.ts";
import { type Ages, allFrom, Backups, without } from "./backups.ts";
import {
  faultsOf,
  lostRuns,
  type Population,
  startAgain,
  startRuns,
  untilAllEnded,
} from "./population.ts";

// The streams of a namespace come back from backups of different ages. Four were taken:
//   "filed":  the runs of the first group have been started, and nobody has taken them;
//   "early":  workers were killed while they had these runs in hand;
//   "late":   runs of a second group have been started, and workers were killed while they had them in hand;
//   "ended":  all runs have ended.

let backups: Backups;
const first: Population = new Map();
const second: Population = new Map();
let executions: string[] = [];

/** Has workers work until so many nodes have been executed; they go on. */
async function workUntil(system: LiveSystem, count: number): Promise<void> {
  executions = [];
  await system.worker({ concurrency: 6 });
  await eventually(() => expect(executions.length).toBeGreaterThan(count), { everyMs: 1 });
}

beforeAll(async () => {
  instrument(({ run, node }) => executions.push(`${run}/${node}`), 3);
  backups = await Backups.create();
  await using system = await LiveSystem.start(faultFlows);
  const { orchestrator, server } = system;
  for (const [id, run] of await startRuns(orchestrator, "first", 15)) first.set(id, run);
  await backups.take("filed", server);
  await workUntil(system, 40);
  await backups.take("early", server);
  for (const [id, run] of await startRuns(orchestrator, "second", 9)) second.set(id, run);
  await workUntil(system, 60);
  await backups.take("late", server);
  await untilAllEnded(system, new Map([...first, ...second]));
  await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 20_000 });
  await backups.take("ended", server);
}, 60_000);

afterAll(() => backups?.[Symbol.asyncDispose]());

/** Which runs of the second group are lost, and whether anything is executed again. */
interface Case {
  readonly name: string;
  readonly ages: Ages;
}

const CASES: readonly Case[] = [
  { name: "the queue is older than all else", ages: allFrom("ended", { work: "filed" }) },
  { name: "the checkpoints are older than all else", ages: allFrom("ended", { context: "late" }) },
  {
    name: "queue and checkpoints are older than the lists",
    ages: allFrom("ended", { context: "late", work: "late" }),
  },
  {
    name: "the lists are older than the checkpoints",
    ages: allFrom("ended", { runs: "filed", context: "late" }),
  },
  {
    name: "figures, errors and history are older than the checkpoints",
    ages: allFrom("late", { metrics: "filed", errors: "filed", history: "filed" }),
  },
  {
    name: "figures, errors and history are newer than the checkpoints",
    ages: allFrom("late", { metrics: "ended", errors: "ended", history: "ended" }),
  },
  { name: "the queue is gone", ages: without("late", "work") },
  {
    name: "checkpoints and lists are older than the queue",
    ages: allFrom("late", { context: "filed", runs: "filed" }),
  },
  { name: "nothing but the queue has come back", ages: { work: "filed" } },
  { name: "the checkpoints are gone", ages: without("late", "context") },
  {
    name: "consumers are newer than the queue",
    ages: allFrom("late", { work: "filed", consumers: "late" }),
  },
  { name: "all but queue and checkpoints is gone", ages: { work: "late", context: "late" } },
];

test.each(CASES)(
  "every run ends exactly where $name",
  async ({ ages }) => {
    const all = new Map([...first, ...second]);
    const storeDir = await backups.storeOf(ages);
    await using system = await LiveSystem.start(faultFlows, { server: { storeDir } });
    executions = [];
    const report = await system.orchestrator.repair({ restored: true });
    expect(await system.orchestrator.repair({ all: true, quietMs: 0 })).toMatchObject({
      items: 0,
      projections: 0,
      restored: 0,
      starts: 0,
    });
    await system.worker();
    // Messages may be left of runs that begin anew, and are taken for theirs: the usual look finds what that leaves behind.
    const look = () => system.orchestrator.repair({ quietMs: 1_200 });
    await untilAllEnded(system, all, look);
    const lost = await lostRuns(system, all);
    expect(lost.failed).toHaveLength(report.lost);
    await startAgain(system, all, [...lost.failed, ...lost.unknown]);
    await untilAllEnded(system, all, look);
    expect(await faultsOf(system, all)).toEqual([]);
    await eventually(async () => expect(await system.queued()).toBe(0), { withinMs: 20_000 });
  },
  30_000,
);
