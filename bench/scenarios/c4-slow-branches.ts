import { figure } from "../figure.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { System } from "../system.ts";
import type { WorkerProcess } from "../worker.ts";
import { workflows } from "../workflows.ts";

/** Nodes that each worker executes at a time. */
const SLOTS = 50;
/** What a branch waits on average, in milliseconds. */
const WAIT_MS = 200;
const CREWS = [1, 4, 8] as const;

/** C4: whether one run with many branches gets faster with more workers. */
export const slowBranches: Scenario = {
  name: "C4",
  title: "one run, 1,000 branches that wait 200 ms each, on one, four and eight worker processes",
  run: async (bench) => {
    await using system = await System.start(bench, { workers: 0 });
    const width = sized(bench, 1_000, 20);
    const crews = await Promise.all(CREWS.map((size) => crewOf(system, size)));
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, Object.fromEntries(crews.map((crew) => [crew.size, () => turn(crew, width)]))),
    );
    return crews.flatMap(({ size }) => {
      const of = rounds.map((round) => round[size]).filter((one) => one !== undefined);
      const processes = size === 1 ? "one worker process" : `${size} worker processes`;
      return [
        figure({
          what: `whole run, ${processes}`,
          unit: "ms",
          rounds: of.map(({ tookMs }) => tookMs),
          beside: { "its waits alone": of.map(() => (width * WAIT_MS) / (size * SLOTS)) },
        }),
        figure({
          what: `CPU of the workers for each branch, ${processes}`,
          unit: "ms",
          rounds: of.map(({ cpuMs }) => cpuMs / width),
        }),
      ];
    });
  },
};

interface Crew {
  readonly size: number;
  readonly workers: readonly WorkerProcess[];
  readonly client: System["orchestrator"];
}

async function crewOf(system: System, size: number): Promise<Crew> {
  const namespace = `crew-${size}`;
  const workers: WorkerProcess[] = [];
  for (let i = 0; i < size; i++)
    workers.push(await system.addWorker({ namespace, serves: ["slowFan"], concurrency: SLOTS }));
  return { size, workers, client: await system.addClient({ namespace }) };
}

async function turn({ workers, client }: Crew, width: number) {
  const cpuMs = async () => {
    const reports = await Promise.all(workers.map((worker) => worker.report()));
    return reports.reduce((sum, report) => sum + report.cpuMs, 0);
  };
  const before = await cpuMs();
  const began = performance.now();
  const runId = await client.startRun(workflows.slowFan, width);
  await client.waitForCompletion(runId);
  const tookMs = performance.now() - began;
  const count = await client.result(runId);
  if (count !== width) throw new Error(`of ${width} branches ${count} were joined`);
  return { tookMs, cpuMs: (await cpuMs()) - before };
}
