import { setTimeout as pause } from "node:timers/promises";
import { Kvm } from "@nats-io/kv";
import { type AnyWorkflow, DistributedOrchestrator, DistributedWorker } from "#floxide";
import { drained } from "../drained.ts";
import { type Bound, figure, type Measured } from "../figure.ts";
import { brief, failing, flows, rare, unserved, waiting } from "../scale/flows.ts";
import { ScaleSystem } from "../scale/system.ts";
import { type Bench, inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { percentile, pipelined } from "../stats.ts";

const FEW = 1_000;
const MANY = 100_000;
/** Runs that come together, and end one after the other. */
const BURST = 5_000;
/** Runs under way at a time while they are stored. */
const IN_FLIGHT = 128;
/** So many runs of the workflow `rare` there are, whatever else is stored. */
const RARE = 60;
/** One in so many fails. */
const FAILING = 16;
/** This share of the runs goes on: the oldest of all, so that they lie below all others. */
const WAITING = 0.06;
/** How long the marker of a removed list entry stays, and some more, in milliseconds. */
const MARKERS_GONE_MS = 40_000;

const FEWER = "at 1,000 runs";
const RAW = "one raw get";
const SAME: Bound = { to: FEWER, most: 1.5 };
const PAGE: readonly Bound[] = [SAME, { to: RAW, most: 20 }];

/** A system in which so many runs are stored. */
interface Side {
  readonly system: ScaleSystem;
  readonly runIds: readonly string[];
}

interface Sides {
  readonly few: Side;
  readonly many: Side;
}

/** What is measured on both sides, in turns. */
interface Measure {
  readonly what: string;
  readonly unit: "ms" | "starts/s" | "runs/s";
  readonly bounds: readonly Bound[];
  /** True for what one raw get is shown beside. */
  readonly isRead: boolean;
  readonly of: (side: Side) => Promise<number>;
}

/** G: what grows with the runs that are stored. */
export const stored: Scenario = {
  name: "G",
  title: "what 100,000 stored runs cost, against 1,000",
  run: async (bench) => {
    const serves = ["brief", "rare", "failing", "waiting"] as const;
    await using few = await ScaleSystem.start(bench, { serves });
    await using many = await ScaleSystem.start(bench, { serves });
    const sides: Sides = {
      few: await store(bench, few, FEW),
      many: await store(bench, many, sized(bench, MANY, FEW)),
    };
    bench.say("waiting until the markers of removed list entries have gone");
    await pause(bench.scale === 1 ? MARKERS_GONE_MS : 0);
    const calm = await compared(bench, sides, [...READS, ...PAGES]);
    bench.say("a burst: runs that are started together, and end one after the other");
    const burst = sized(bench, BURST, FEW / 2);
    for (const { system } of Object.values(sides)) {
      await pipelined(burst, IN_FLIGHT, (i) => system.orchestrator.startRun(brief, i));
      await drained(system.orchestrator);
    }
    const after = PAGES.map((one) => ({ ...one, what: `right after a burst: ${one.what}` }));
    const busy = await compared(bench, sides, after);
    // Last, because what they start would lie above the oldest.
    return [...calm, ...busy, ...(await compared(bench, sides, BEGINNINGS))];
  },
};

/** Stores runs as they come to be stored: each has ended soon after it was created, but for those that wait. */
async function store(bench: Bench, system: ScaleSystem, total: number): Promise<Side> {
  bench.say(`storing ${total} runs`);
  const { orchestrator } = system;
  const going = Math.round(total * WAITING);
  const kindOf = (i: number): AnyWorkflow => {
    if (i < going) return waiting;
    if (i < going + RARE) return rare;
    return i % FAILING === 0 ? failing : brief;
  };
  const runIds: string[] = [];
  await pipelined(total, IN_FLIGHT, async (i) => {
    const kind = kindOf(i);
    const runId = await orchestrator.startRun(kind.name, i);
    runIds.push(runId);
    // One that fails is waited for too: its end is what counts.
    if (kind !== waiting) await orchestrator.waitForCompletion(runId).catch(() => {});
  });
  await drained(orchestrator);
  return { system, runIds };
}

/** The median of so many calls, one at a time, in milliseconds. */
async function each(calls: number, call: (i: number) => Promise<unknown>): Promise<number> {
  return percentile((await pipelined(calls, 1, call)).latenciesMs, 0.5);
}

/** Any of the runs that are stored, spread over all of them. */
const someRun = ({ runIds }: Side, i: number): string => runIds[(i * 7_919) % runIds.length] ?? "";

async function rawGet(side: Side, namespace: string): Promise<number> {
  const kv = await new Kvm(side.system.nc).open(`${namespace}-context`, { allow_direct: true });
  return each(300, (i) => kv.get(someRun(side, i)));
}

const READS: readonly Measure[] = [
  {
    what: "status of a run",
    unit: "ms",
    bounds: [SAME],
    isRead: true,
    of: (side) => each(300, (i) => side.system.orchestrator.status(someRun(side, i))),
  },
];

const LISTS = [
  { what: "of all", query: {} },
  { what: "completed", query: { status: "completed" } },
  { what: "failed", query: { status: "failed" } },
  { what: "running, the oldest", query: { status: "running" } },
  { what: "of the most frequent workflow", query: { workflow: brief.name } },
  { what: "of a rare workflow", query: { workflow: rare.name } },
] as const;

const PAGES: readonly Measure[] = LISTS.map(({ what, query }) => ({
  what: `first page of runs, ${what}`,
  unit: "ms",
  bounds: PAGE,
  isRead: true,
  of: ({ system }) => each(10, () => system.orchestrator.listRuns(query)),
}));

const BEGINNINGS: readonly Measure[] = [
  {
    what: "connecting an orchestrator",
    unit: "ms",
    bounds: [SAME],
    isRead: false,
    of: ({ system }) =>
      each(5, async () => {
        const one = await DistributedOrchestrator.connect({ servers: system.servers.urls });
        await one.close();
      }),
  },
  {
    what: "connecting, starting and stopping a worker",
    unit: "ms",
    bounds: [SAME],
    isRead: false,
    of: ({ system }) =>
      each(5, async () => {
        const servers = system.servers.urls;
        const one = await DistributedWorker.connect({ servers, workflows: Object.values(flows) });
        await one.start();
        await one.stop();
      }),
  },
  {
    what: "starts/s, 64 in flight, nobody takes them",
    unit: "starts/s",
    bounds: [{ to: FEWER, least: 1 / 1.5 }],
    isRead: false,
    of: async ({ system }) =>
      (await pipelined(500, 64, () => system.orchestrator.startRun(unserved, 1))).perSecond,
  },
  {
    what: "runs/s, 64 in flight",
    unit: "runs/s",
    bounds: [{ to: FEWER, least: 1 / 1.5 }],
    isRead: false,
    of: async ({ system: { orchestrator } }) => {
      const { perSecond } = await pipelined(500, 64, async () =>
        orchestrator.waitForCompletion(await orchestrator.startRun(brief, 1)),
      );
      return perSecond;
    },
  },
];

/** Each measure on both sides, round by round, and one raw get beside it. */
async function compared(
  bench: Bench,
  sides: Sides,
  measures: readonly Measure[],
): Promise<readonly Measured[]> {
  const rounds = await inRounds(bench, async (n) => {
    const of = new Map<Measure, { readonly few: number; readonly many: number }>();
    const raw = await rawGet(sides.many, "floxide");
    for (const measure of measures) {
      const { few, many } = await inTurns(n, {
        few: () => measure.of(sides.few),
        many: () => measure.of(sides.many),
      });
      of.set(measure, { few, many });
    }
    return { raw, of };
  });
  return measures.map((measure) => {
    const { what, unit, bounds, isRead } = measure;
    return figure({
      what,
      unit,
      bounds,
      rounds: rounds.map(({ of }) => of.get(measure)?.many ?? Number.NaN),
      beside: {
        [FEWER]: rounds.map(({ of }) => of.get(measure)?.few ?? Number.NaN),
        ...(isRead ? { [RAW]: rounds.map(({ raw }) => raw) } : {}),
      },
    });
  });
}
