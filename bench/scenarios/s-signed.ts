import { newKeyPair } from "../../src/jetstream/signing-keys.ts";
import { runChains } from "../chains.ts";
import { drained } from "../drained.ts";
import { figure, type Measured } from "../figure.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { pipelined } from "../stats.ts";
import { System } from "../system.ts";
import type { WorkerProcess } from "../worker.ts";
import { workflows } from "../workflows.ts";

/** One of the two that are compared. */
interface Side {
  readonly orchestrator: System["orchestrator"];
  readonly worker: WorkerProcess;
  readonly chains: number;
  readonly starts: number;
  readonly width: number;
}

/** What is measured of each side, in turns. */
const MEASURES: readonly {
  readonly what: string;
  readonly unit: string;
  readonly measure: (side: Side) => Promise<number>;
}[] = [
  {
    what: "nodes/s, chains of 10, 100 in flight",
    unit: "nodes/s",
    measure: async ({ orchestrator, chains }) =>
      (await runChains(orchestrator, chains)).perSecond * 10,
  },
  {
    what: "CPU of the worker for a chain of 10",
    unit: "µs",
    measure: async ({ orchestrator, worker, chains }) =>
      ((await worker.cpuMsOf(() => runChains(orchestrator, chains))) * 1_000) / chains,
  },
  {
    what: "1 -> 1,000 -> join, whole run",
    unit: "ms",
    measure: async (side) => {
      const began = performance.now();
      await fork(side);
      return performance.now() - began;
    },
  },
  {
    what: "CPU of the worker for 1 -> 1,000 -> join",
    unit: "ms",
    measure: (side) => side.worker.cpuMsOf(() => fork(side)),
  },
  {
    what: "starts/s, 64 in flight, while a worker takes them",
    unit: "starts/s",
    measure: async ({ orchestrator, starts }) => {
      const start = () => orchestrator.startRun(workflows.single, 1);
      const { perSecond } = await pipelined(starts, 64, start);
      await drained(orchestrator);
      return perSecond;
    },
  },
];

async function fork({ orchestrator, width }: Side): Promise<void> {
  await orchestrator.waitForCompletion(await orchestrator.startRun(workflows.fan, width));
}

/** S: what signed work costs: the same with keys and without them, in turns. */
export const signed: Scenario = {
  name: "S",
  title: "signed work beside the same without keys",
  run: async (bench) => {
    await using system = await System.start(bench);
    const { privateKey, publicKey } = newKeyPair();
    const keys = { namespace: "signed", signingKey: privateKey, trustedKeys: publicKey };
    const sizes = {
      chains: sized(bench, 1_000, 20),
      starts: sized(bench, 3_000, 100),
      width: sized(bench, 1_000, 10),
    };
    const plain: Side = { ...sizes, orchestrator: system.orchestrator, worker: system.worker };
    const keyed: Side = {
      ...sizes,
      orchestrator: await system.addClient(keys),
      worker: await system.addWorker(keys),
    };
    const figures: Measured[] = [];
    for (const { what, unit, measure } of MEASURES) {
      bench.say(what);
      const rounds = await inRounds(bench, (n) =>
        inTurns(n, { plain: () => measure(plain), keyed: () => measure(keyed) }),
      );
      figures.push(
        figure({
          what: `with keys: ${what}`,
          unit,
          rounds: rounds.map((round) => round.keyed),
          beside: { "without keys": rounds.map((round) => round.plain) },
        }),
      );
    }
    return figures;
  },
};
