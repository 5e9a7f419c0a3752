import type { NatsConnection } from "@nats-io/transport-node";
import type { DistributedOrchestrator } from "../src/index.ts";
import { figure } from "./figure.ts";
import { rawCompareAndSet, rawPublish } from "./raw.ts";
import { signed } from "./signed.ts";
import { median, percentile, pipelined, round } from "./stats.ts";
import type { WorkerProcess } from "./system.ts";
import { chain, fan, single, unserved } from "./workflows.ts";

/** What a scenario works with. */
interface Bench {
  readonly url: string;
  readonly nc: NatsConnection;
  readonly orchestrator: DistributedOrchestrator;
  readonly worker: WorkerProcess;
  /** Measurements of each figure; the median counts. */
  readonly rounds: number;
}

/** One line of the report: ours, the raw limit of the same run, and their ratio against the goal. */
export interface Figure {
  readonly scenario: string;
  readonly what: string;
  readonly ours: number;
  readonly unit: string;
  readonly raw: number | null;
  readonly ratio: number | null;
  readonly goal: string;
  readonly reached: boolean;
  /** Smallest and largest of the rounds. */
  readonly spread: readonly [number, number];
}

export type Scenario = (bench: Bench) => Promise<readonly Figure[]>;

/** A: 1,000 runs of a 10-node chain, 100 in flight, one worker process. */
const throughput: Scenario = async ({ nc, orchestrator, worker, rounds }) => {
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const limit = await rawCompareAndSet(nc, 20_000, 64);
    const measured = await pipelined(1_000, 100, async () => {
      const runId = await orchestrator.startRun(chain, 0);
      await orchestrator.waitForCompletion(runId);
    });
    await worker.times();
    // The first round warms up both sides.
    if (round === 0) continue;
    raw.push(limit.perSecond);
    ours.push(measured.perSecond * 10);
  }
  const ratio = median(ours) / median(raw);
  return [
    {
      ...figure("A", "nodes/s, 1,000 chains of 10, 100 in flight", ours, "nodes/s"),
      raw: round(median(raw), 0),
      ratio: round(ratio),
      goal: ">= 0.24 x raw compare-and-sets/s at 64 in flight",
      reached: ratio >= 0.24,
    },
  ];
};

/** B: one run at a time; the time from the start of a node to the start of the next. */
const latency: Scenario = async ({ nc, orchestrator, worker, rounds }) => {
  const p50: number[] = [];
  const p99: number[] = [];
  const raw: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const limit = await rawCompareAndSet(nc, 2_000, 1);
    await worker.times();
    for (let i = 0; i < 200; i++) {
      const runId = await orchestrator.startRun(chain, 0);
      await orchestrator.waitForCompletion(runId);
    }
    const { times } = await worker.times();
    if (round === 0) continue;
    const steps = times.flatMap((at, i) => (i % 10 === 0 ? [] : [at - (times[i - 1] ?? at)]));
    p50.push(percentile(steps, 0.5));
    p99.push(percentile(steps, 0.99));
    raw.push(percentile(limit.latenciesMs, 0.5));
  }
  const ratio = median(p50) / median(raw);
  return [
    {
      ...figure("B", "p50 per node, one run at a time", p50, "ms"),
      raw: round(median(raw), 3),
      ratio: round(ratio),
      goal: "< 3 x one raw compare-and-set",
      reached: ratio < 3,
    },
    {
      ...figure("B", "p99 per node, one run at a time", p99, "ms"),
      raw: null,
      ratio: round(median(p99) / median(p50)),
      goal: "reported (ratio: p99 to p50)",
      reached: true,
    },
  ];
};

/** C: one item into 1,000 and back into one. */
const fanOut: Scenario = async ({ orchestrator, rounds }) => {
  const ours: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    const runId = await orchestrator.startRun(fan, 1_000);
    await orchestrator.waitForCompletion(runId);
    const took = performance.now() - began;
    if ((await orchestrator.result(runId)) !== 999_000) throw new Error("the sum is wrong");
    if (round > 0) ours.push(took);
  }
  return [
    {
      ...figure("C", "1 -> 1,000 -> join, whole run", ours, "ms"),
      raw: null,
      ratio: null,
      goal: "< 400 ms",
      reached: median(ours) < 400,
    },
  ];
};

/** D: how soon a start is acknowledged, and how many a second. */
const starts: Scenario = async ({ nc, orchestrator, rounds }) => {
  const p50: number[] = [];
  const p99: number[] = [];
  const rate: number[] = [];
  const atWork: number[] = [];
  const rawP50: number[] = [];
  const rawRate: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const rawOne = await rawPublish(nc, 1_000, 1);
    // As the raw publish: nobody takes what was published, or the worker's work would be measured too.
    const one = await pipelined(1_000, 1, () => orchestrator.startRun(unserved, 1));
    const rawMany = await rawPublish(nc, 10_000, 64);
    const many = await pipelined(5_000, 64, () => orchestrator.startRun(unserved, 1));
    const beside = await pipelined(3_000, 64, () => orchestrator.startRun(single, 1));
    await drained(orchestrator);
    if (round === 0) continue;
    p50.push(percentile(one.latenciesMs, 0.5));
    p99.push(percentile(one.latenciesMs, 0.99));
    rate.push(many.perSecond);
    atWork.push(beside.perSecond);
    rawP50.push(percentile(rawOne.latenciesMs, 0.5));
    rawRate.push(rawMany.perSecond);
  }
  const ratio = median(p50) / median(rawP50);
  return [
    {
      ...figure("D", "start acknowledged p50, one at a time", p50, "ms"),
      raw: round(median(rawP50), 3),
      ratio: round(ratio),
      goal: "< 2 x one raw publish",
      reached: ratio < 2,
    },
    {
      ...figure("D", "start acknowledged p99, one at a time", p99, "ms"),
      raw: null,
      ratio: round(median(p99) / median(p50)),
      goal: "reported (ratio: p99 to p50)",
      reached: true,
    },
    {
      ...figure("D", "starts/s, 64 in flight", rate, "starts/s"),
      raw: round(median(rawRate), 0),
      ratio: round(median(rate) / median(rawRate)),
      goal: "reported (ratio: to raw publishes/s)",
      reached: true,
    },
    {
      ...figure("D", "starts/s, 64 in flight, while a worker takes them", atWork, "starts/s"),
      raw: round(median(rawRate), 0),
      ratio: round(median(atWork) / median(rawRate)),
      goal: "reported (ratio: to raw publishes/s)",
      reached: true,
    },
  ];
};

/** Until no start request waits: a backlog of one figure is not to weigh on the next. */
async function drained(orchestrator: DistributedOrchestrator): Promise<void> {
  for (;;) {
    const waiting = await orchestrator.backlog();
    const left = waiting.filter(({ workflow }) => workflow !== unserved.name);
    if (left.every(({ starts, items, inFlight }) => starts + items + inFlight === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  A: throughput,
  B: latency,
  C: fanOut,
  D: starts,
  S: signed,
};
