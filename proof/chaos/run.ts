import { setTimeout as pause } from "node:timers/promises";
import { Chance } from "../support/chance.ts";
import type { Mode } from "../support/deployment.ts";
import { keptWhereWrong } from "../support/kept.ts";
import { System } from "../support/system.ts";
import { CommitLog } from "./commits.ts";
import { Customers } from "./customers.ts";
import { tryDeletions } from "./deletions.ts";
import { MEMBER_FAULTS } from "./member-faults.ts";
import { type ChaosReport, reportOf } from "./report.ts";
import { plan } from "./runs.ts";
import type { FaultKind, Scene } from "./scene.ts";
import { SERVER_FAULTS } from "./server-faults.ts";
import { takeStock } from "./stock.ts";
import { Storm } from "./storm.ts";
import { type FinishedRun, judge, type Violation } from "./verdict.ts";

export interface ChaosOptions {
  readonly mode: Mode;
  readonly seed: number;
  /** How long faults are injected, in milliseconds. Ending all runs comes on top. */
  readonly durationMs: number;
  /** Runs started in a second. */
  readonly rate: number;
  readonly workers: number;
  readonly services: number;
  /** Names of the kinds of faults; all of the mode where not given. */
  readonly kinds?: readonly string[];
  /** Milliseconds of quiet between two faults, at most. */
  readonly quietMs: number;
  /** Faults that must have struck before the storm ends, however long that takes. @default 0 */
  readonly atLeast?: number;
  /** True where streams are deleted at the end, to see what comes back. */
  readonly deletions: boolean;
  /** Gets a line now and then. */
  readonly onProgress: (line: string) => void;
}

const ACK_WAIT_MS = 2_000;
/** Runs that are under way at once, at most. */
const IN_FLIGHT = 60;
/** How long the runs may take to end when the last fault is over. */
const END_MS = 120_000;
const DISK_MEGABYTES = 512;
const CREW = {
  concurrency: 8,
  paceMs: 60,
  graceMs: 1_000,
  repairEveryMs: 5_000,
  logLevel: "debug",
} as const;

/** Does its worst to a system of its own, and says what became of every run. */
export function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  return keptWhereWrong(
    "chaos",
    (directory) => storm(options, directory),
    ({ violations }) => violations.length > 0,
  );
}

async function storm(options: ChaosOptions, directory: string): Promise<ChaosReport> {
  const { mode, seed, workers, services, onProgress } = options;
  const chance = new Chance(seed);
  onProgress(`seed ${seed}, ${mode}: starting the servers`);
  await using system = await System.start({
    mode,
    directory,
    diskMegabytes: DISK_MEGABYTES,
    workers,
    services,
    jetstream: { ackWaitMs: ACK_WAIT_MS },
    crew: CREW,
  });
  const { deployment, crew, direct, admin, client, plain } = system;
  const commits = new CommitLog(admin.nc, direct.names.bucket("context"));
  commits.start();
  const scene: Scene = {
    deployment,
    crew,
    customers: system.line,
    admin,
    direct,
    ackWaitMs: ACK_WAIT_MS,
    chance: chance.split(),
  };
  const wild = new Storm(scene, {
    kinds: kindsOf(options),
    quietMs: options.quietMs,
    atLeast: options.atLeast ?? 0,
    onFault: ({ kind, target, at, healedAt }) =>
      onProgress(`fault: ${kind} of ${target}, ${Math.round(healedAt - at)} ms`),
  });
  const customers = new Customers({ client, plain, direct, patienceMs: END_MS });
  const began = performance.now();
  const over = new AbortController();
  const ticker = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1_000);
    const { served, open } = customers;
    const faults = wild.faults.length;
    onProgress(`${seconds} s: ${faults} faults, ${served.length} runs, ${open} under way`);
  }, 5_000);
  try {
    const storm = wild.rage(AbortSignal.timeout(options.durationMs)).finally(() => over.abort());
    await Promise.all([storm, load(customers, options, chance.split(), over.signal)]);
  } finally {
    clearInterval(ticker);
  }
  onProgress("the storm is over: waiting for the ends of all runs");
  await customers.finish(END_MS);
  const stock = await takeStock({ scene, observer: system.observer, served: customers.served });
  await commits.stop();
  const violations = judge(stock.runs, stock.leftovers);
  const isFine = violations.length === 0;
  const deletions = options.deletions && isFine ? await tryDeletions(scene, client) : [];
  return reportOf({
    options,
    durationMs: performance.now() - began,
    ackWaitMs: ACK_WAIT_MS,
    faults: wild.faults,
    troubles: wild.troubles,
    stock,
    commits,
    violations,
    deletions,
    lateCommands: customers.lateCommands,
    histories: await historiesOf(system, stock.runs, violations),
  });
}

async function historiesOf(
  { observer }: System,
  runs: readonly FinishedRun[],
  violations: readonly Violation[],
): Promise<ChaosReport["histories"]> {
  const wrong = new Set(violations.map(({ where }) => where));
  const ids = runs.filter(({ plan: { runId }, account }) => account !== null && wrong.has(runId));
  const entries = ids.map(async ({ plan: { runId } }) => {
    return [runId, await observer.history(runId)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function kindsOf({ mode, kinds }: ChaosOptions): FaultKind[] {
  const ofMode = [...MEMBER_FAULTS, ...SERVER_FAULTS].filter(({ modes }) => modes.includes(mode));
  return ofMode.filter(({ name }) => kinds === undefined || kinds.includes(name));
}

async function load(
  customers: Customers,
  { rate, seed, mode }: ChaosOptions,
  chance: Chance,
  over: AbortSignal,
): Promise<void> {
  for (let i = 0; !over.aborted; i++) {
    customers.begin(plan(`${mode}-${seed}`, i, chance));
    do {
      await pause((1_000 / rate) * chance.between(0.5, 1.5), undefined, { signal: over }).catch(
        () => {},
      );
    } while (customers.open >= IN_FLIGHT && !over.aborted);
  }
}
