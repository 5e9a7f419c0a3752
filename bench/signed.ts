import { DistributedOrchestrator } from "../src/index.ts";
import { newKeyPair } from "../src/jetstream/signing-keys.ts";
import { figure } from "./figure.ts";
import type { Figure, Scenario } from "./scenarios.ts";
import { median, pipelined, round } from "./stats.ts";
import { WorkerProcess } from "./system.ts";
import { chain, fan, single } from "./workflows.ts";

const CHAINS = 1_000;

/** One of the two that are compared. */
interface Side {
  readonly orchestrator: DistributedOrchestrator;
  readonly worker: WorkerProcess;
}

/** What is measured of each side, in turns. */
const MEASURES: readonly {
  readonly what: string;
  readonly unit: string;
  readonly measure: (side: Side) => Promise<number>;
}[] = [
  {
    what: "nodes/s, 1,000 chains of 10, 100 in flight",
    unit: "nodes/s",
    measure: async ({ orchestrator }) => (await chains(orchestrator)).perSecond * 10,
  },
  {
    what: "CPU of the worker for a chain of 10",
    unit: "µs",
    measure: async ({ orchestrator, worker }) =>
      ((await cpuMs(worker, () => chains(orchestrator))) * 1_000) / CHAINS,
  },
  {
    what: "1 -> 1,000 -> join, whole run",
    unit: "ms",
    measure: async ({ orchestrator }) => {
      const began = performance.now();
      await orchestrator.waitForCompletion(await orchestrator.startRun(fan, 1_000));
      return performance.now() - began;
    },
  },
  {
    what: "CPU of the worker for 1 -> 1,000 -> join",
    unit: "ms",
    measure: ({ orchestrator, worker }) =>
      cpuMs(worker, async () => {
        await orchestrator.waitForCompletion(await orchestrator.startRun(fan, 1_000));
      }),
  },
  {
    what: "starts/s, 64 in flight, while a worker takes them",
    unit: "starts/s",
    measure: async ({ orchestrator }) => {
      const { perSecond } = await pipelined(3_000, 64, () => orchestrator.startRun(single, 1));
      await drained(orchestrator);
      return perSecond;
    },
  },
];

/** CPU that the worker takes meanwhile: unlike the time, it hardly depends on what else the machine does. */
async function cpuMs(worker: WorkerProcess, work: () => Promise<unknown>): Promise<number> {
  const before = await worker.times();
  await work();
  const after = await worker.times();
  return after.cpuMs - before.cpuMs;
}

const chains = (orchestrator: DistributedOrchestrator) =>
  pipelined(CHAINS, 100, async () => {
    await orchestrator.waitForCompletion(await orchestrator.startRun(chain, 0));
  });

/** S: what signed work costs: the same with keys and without them, in turns. */
export const signed: Scenario = async ({ url, orchestrator, worker, rounds }) => {
  const { privateKey, publicKey } = newKeyPair();
  const keys = { namespace: "signed", signingKey: privateKey, trustedKeys: publicKey };
  await using signer = await WorkerProcess.start(url, keys);
  await using signing = await DistributedOrchestrator.connect({
    servers: url,
    ...keys,
    workflows: [chain, fan, single],
  });
  const plain: Side = { orchestrator, worker };
  const keyed: Side = { orchestrator: signing, worker: signer };
  const figures: Figure[] = [];
  for (const { what, unit, measure } of MEASURES) {
    const without: number[] = [];
    const withKeys: number[] = [];
    for (let n = 0; n <= rounds; n++) {
      // Who comes first takes turns: a machine that warms up or slows down is not to favour one.
      const first = await measure(n % 2 === 0 ? plain : keyed);
      const second = await measure(n % 2 === 0 ? keyed : plain);
      await Promise.all([worker.times(), signer.times()]);
      if (n === 0) continue;
      without.push(n % 2 === 0 ? first : second);
      withKeys.push(n % 2 === 0 ? second : first);
    }
    figures.push({
      ...figure("S", `signed: ${what}`, withKeys, unit),
      raw: round(median(without), unit === "ms" ? 3 : 0),
      // Of each round's own pair: what else the machine does weighs on both.
      ratio: round(median(withKeys.map((value, i) => value / (without[i] ?? Number.NaN)))),
      goal: "reported (raw: without keys; ratio: median of the rounds' own)",
      reached: true,
    });
  }
  return figures;
};

/** Until no start request waits that a worker takes. */
async function drained(orchestrator: DistributedOrchestrator): Promise<void> {
  for (;;) {
    const waiting = (await orchestrator.backlog()).filter(
      ({ workflow }) => workflow === single.name,
    );
    if (waiting.every(({ starts, items, inFlight }) => starts + items + inFlight === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
