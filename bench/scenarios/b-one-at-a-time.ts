import { NODES, runChains } from "../chains.ts";
import { figure } from "../figure.ts";
import { BullMq, FORMS, type Form } from "../peers/bullmq.ts";
import { rawCompareAndSet } from "../raw.ts";
import { inRounds, inTurns, type Scenario, sized } from "../scenario.ts";
import { percentile } from "../stats.ts";
import { System } from "../system.ts";
import type { WorkerProcess } from "../worker.ts";

const RAW = "one raw compare-and-set";

/** B: how long a step takes where nothing else goes on. */
export const oneAtATime: Scenario = {
  name: "B",
  title: "chains of ten nodes, one run at a time",
  run: async (bench) => {
    await using system = await System.start(bench);
    await using peer = await BullMq.start(bench);
    const { orchestrator, worker } = system;
    const count = sized(bench, 200, 10);
    const rounds = await inRounds(bench, (n) =>
      inTurns(n, {
        raw: async () =>
          percentiles((await rawCompareAndSet(system, sized(bench, 2_000, 100), 1)).latenciesMs),
        ours: () => steps(worker, () => runChains(orchestrator, count, 1)),
        ...(peer === null ? {} : turnsOf(peer, count)),
      }),
    );
    const ours = rounds.map((round) => round.ours);
    const p50 = ours.map((one) => one.p50);
    return [
      figure({
        what: "p50 from the start of a node to that of the next",
        unit: "ms",
        rounds: p50,
        beside: {
          [RAW]: rounds.map(({ raw }) => raw.p50),
          ...ofForms(rounds, "p50"),
        },
        bounds: [{ to: RAW, most: 1.5 }],
      }),
      figure({
        what: "p99 from the start of a node to that of the next",
        unit: "ms",
        rounds: ours.map(({ p99 }) => p99),
        beside: {
          "its p50": p50,
          [RAW]: rounds.map(({ raw }) => raw.p99),
          ...ofForms(rounds, "p99"),
        },
        bounds: [{ to: "its p50", most: 5 }],
      }),
    ];
  },
};

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

function percentiles(values: readonly number[]): Percentiles {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) };
}

/** Of the times from the start of a node to that of the next, without those from one run to the next. */
async function steps(worker: WorkerProcess, work: () => Promise<unknown>): Promise<Percentiles> {
  await worker.report();
  await work();
  const { begun } = await worker.report();
  return percentiles(
    begun.flatMap((at, i) => (i % NODES === 0 ? [] : [at - (begun[i - 1] ?? at)])),
  );
}

function turnsOf(peer: BullMq, count: number) {
  const turn = (form: Form) => () => steps(peer.worker, () => peer.chains(form, count, 1));
  return { jobs: turn("jobs"), flow: turn("flow"), steps: turn("steps") };
}

function ofForms(
  rounds: readonly Readonly<Partial<Record<Form, Percentiles>>>[],
  which: keyof Percentiles,
): Record<string, readonly number[]> {
  const forms = Object.keys(FORMS) as Form[];
  return Object.fromEntries(
    forms.map((form) => [
      `BullMQ, ${FORMS[form]}`,
      rounds.flatMap((round) => round[form]?.[which] ?? []),
    ]),
  );
}
