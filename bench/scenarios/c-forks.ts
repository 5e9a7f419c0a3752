import { isFloxideError, RunFailedError } from "#floxide";
import { figure, type Measured, missed } from "../figure.ts";
import { BullMq } from "../peers/bullmq.ts";
import { type Bench, inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { System } from "../system.ts";
import type { WorkerProcess } from "../worker.ts";
import { workflows } from "../workflows.ts";

/** The width that has a bound in milliseconds. */
const FIRST_WIDTH = 1_000;
const PATIENCE_MS = 600_000;
/** Items that each width works on before it is measured: code that has run a thousand times is not yet compiled. */
const WARM_ITEMS = 10_000;

/** Forks that the first round does beside its own. */
const warmUps = (round: number, width: number): number =>
  round === 0 ? Math.floor(WARM_ITEMS / width) : 0;

/** C: what a wide fork costs, and whether an item of a wider one costs more. */
export const forks: Scenario = {
  name: "C",
  title: "one item into many, all worked on, all joined into one",
  run: async (bench) => {
    await using system = await System.start(bench, { workers: 0 });
    await using peer = await BullMq.start(bench);
    const sides: Side[] = [];
    for (const full of bench.widths) sides.push(await sideOf(system, full, sized(bench, full, 10)));
    const peerWidth = sized(bench, FIRST_WIDTH, 10);
    const ofPeer = await inRounds(bench, (n) =>
      // Width beside width in each round: a machine that drifts weighs on all of them.
      inTurns(n, {
        ours: async () => {
          for (const side of sides) {
            for (let i = warmUps(n, side.width); i > 0; i--) await takeTurn(bench, side, 0);
            await takeTurn(bench, side, n);
          }
        },
        bullmq: async () => {
          if (peer === null) return null;
          for (let i = warmUps(n, peerWidth); i > 0; i--) await peerMs(peer, peerWidth);
          return peerMs(peer, peerWidth);
        },
      }),
    );
    const beside = ofPeer.flatMap(({ bullmq }) => bullmq ?? []);
    const figures: Measured[] = [];
    const [narrowest] = sides;
    for (const side of sides) {
      figures.push(...(await figuresOf(side, narrowest ?? side, beside)));
      await side.worker[Symbol.asyncDispose]();
    }
    return figures;
  },
};

/** One width, with a worker and a client of its own: the peak of that worker's memory is this width's. */
interface Side {
  readonly isFirst: boolean;
  readonly width: number;
  readonly worker: WorkerProcess;
  readonly client: System["orchestrator"];
  /** Milliseconds of each round, without the one that warms up. */
  readonly tookMs: number[];
  /** CPU of the worker in each of them, in milliseconds. */
  readonly cpuMs: number[];
  /** Why it cannot be done, once that is known. */
  refused: string | null;
}

async function sideOf(system: System, full: number, width: number): Promise<Side> {
  const namespace = `fork-${full}`;
  return {
    isFirst: full === FIRST_WIDTH,
    width,
    worker: await system.addWorker({ namespace, serves: ["fan"] }),
    client: await system.addClient({ namespace }),
    tookMs: [],
    cpuMs: [],
    refused: null,
  };
}

/** From the call of `startRun` to the end that `waitForCompletion` sees. */
async function takeTurn(bench: Bench, side: Side, round: number): Promise<void> {
  const { client, worker, width } = side;
  if (side.refused !== null) return;
  try {
    const before = await worker.report();
    const began = performance.now();
    const runId = await client.startRun(workflows.fan, width);
    await client.waitForCompletion(runId, { timeoutMs: PATIENCE_MS });
    const tookMs = performance.now() - began;
    const sum = await client.result(runId);
    if (sum !== width * (width - 1)) throw new Error(`1 -> ${width} -> join gave ${sum}`);
    const after = await worker.report();
    if (round === 0) return;
    side.tookMs.push(tookMs);
    side.cpuMs.push(after.cpuMs - before.cpuMs);
  } catch (error) {
    if (!isFloxideError(error)) throw error;
    const failure = error instanceof RunFailedError ? error.failure : null;
    side.refused = `${failure?.kind ?? error.code}: ${error.message}`;
    bench.say(`1 -> ${width} -> join: ${side.refused}`);
  }
}

async function peerMs(peer: BullMq, width: number): Promise<number> {
  const began = performance.now();
  const sum = await peer.fork(width);
  const tookMs = performance.now() - began;
  if (sum !== width * (width - 1)) throw new Error(`BullMQ's sum is ${sum}`);
  return tookMs;
}

async function figuresOf(
  side: Side,
  narrowest: Side,
  peer: readonly number[],
): Promise<readonly Measured[]> {
  const what = `1 -> ${side.width.toLocaleString("en-US")} -> join`;
  if (side.refused !== null) return [missed(`${what}, whole run`, "ms", side.refused)];
  const perItem = (spentMs: readonly number[], { width }: Side) =>
    spentMs.map((ms) => (ms * 1_000) / width);
  return [
    figure({
      what: `${what}, whole run`,
      unit: "ms",
      rounds: side.tookMs,
      ...(side.isFirst ? { beside: { BullMQ: peer }, bounds: [{ most: 100 }] } : {}),
    }),
    figure({
      what: `${what}, for each item`,
      unit: "µs",
      rounds: perItem(side.tookMs, side),
      ...(side === narrowest
        ? {}
        : {
            beside: { "that of the narrowest": perItem(narrowest.tookMs, narrowest) },
            bounds: [{ to: "that of the narrowest", most: 1.5 }],
          }),
    }),
    figure({
      what: `${what}, CPU of the worker for each item`,
      unit: "µs",
      rounds: perItem(side.cpuMs, side),
      ...(side === narrowest
        ? {}
        : { beside: { "that of the narrowest": perItem(narrowest.cpuMs, narrowest) } }),
    }),
    figure({
      what: `${what}, most memory that the worker had`,
      unit: "MB",
      rounds: [(await side.worker.report()).peakRssBytes / 1e6],
    }),
  ];
}
