import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Customers, type Served } from "../chaos/customers.ts";
import { plan } from "../chaos/runs.ts";
import { Chance } from "../support/chance.ts";
import type { Member } from "../support/crew.ts";
import { keptWhereWrong } from "../support/kept.ts";
import { System } from "../support/system.ts";
import { type Kept, kept, type Sample, sample } from "./sample.ts";
import { type Growth, growthOf, leftBehind } from "./verdict.ts";

export interface SoakOptions {
  /** How long the load lasts, in milliseconds. The expiry of all runs comes on top. */
  readonly durationMs: number;
  readonly seed: number;
  /** Runs started in a second. */
  readonly rate: number;
  /** How long ended runs and histories are kept, in milliseconds. */
  readonly retentionMs: number;
  /** Milliseconds between two samples. */
  readonly everyMs: number;
  /** Milliseconds between two faults. */
  readonly faultEveryMs: number;
  /** MiB an hour that the memory of a process may grow. */
  readonly bound: number;
  readonly onProgress: (line: string) => void;
}

export interface SoakReport {
  readonly machine: { readonly node: string; readonly cores: number; readonly cpu: string };
  readonly seed: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runs: number;
  readonly faults: number;
  readonly growth: readonly Growth[];
  readonly before: Readonly<Record<string, Kept>>;
  /** The most that there was of each stream. */
  readonly peak: Readonly<Record<string, Kept>>;
  readonly after: Readonly<Record<string, Kept>>;
  /** What must not be; empty is good. */
  readonly problems: readonly string[];
  readonly samples: readonly Sample[];
  /** Where logs are; null where all was well. */
  readonly kept: string | null;
}

const END_MS = 60_000;
const WARM_UP_SECONDS = 300;
/** What expires goes some seconds late, and what it leaves behind after that. */
const SLACK_MS = 60_000;

/** Keeps a system busy, and looks whether anything grows that should not. */
export function runSoak(options: SoakOptions): Promise<SoakReport> {
  return keptWhereWrong(
    "soak",
    (directory) => soak(options, directory),
    ({ problems }) => problems.length > 0,
  );
}

async function soak(options: SoakOptions, directory: string): Promise<SoakReport> {
  const { seed, retentionMs, durationMs, onProgress } = options;
  const chance = new Chance(seed);
  await using system = await System.start({
    mode: "single",
    directory,
    diskMegabytes: 0,
    workers: 2,
    services: 2,
    jetstream: { ackWaitMs: 2_000, retentionMs, historyRetentionMs: retentionMs },
    crew: { concurrency: 8, paceMs: 10, graceMs: 1_000, repairEveryMs: 5_000, logLevel: "warn" },
  });
  const { client, plain, direct } = system;
  const members = { worker: first(system, "worker"), service: first(system, "service") };
  const before = await kept(system);
  const customers = new Customers({ client, plain, direct, patienceMs: END_MS });
  const samples: Sample[] = [];
  const stop = new AbortController();
  const over = stop.signal;
  const timer = setTimeout(() => stop.abort(), durationMs);
  const began = performance.now();
  const look = async () => {
    // A process that ended by itself is a result: there is nothing more to measure.
    if (system.crew.crashed().length > 0) stop.abort();
    const at = (performance.now() - began) / 1_000;
    samples.push(await sample(system, members, at));
    const heap = Math.round((samples.at(-1)?.memory["worker heap"] ?? 0) / 1024 / 1024);
    const { served, open } = customers;
    onProgress(
      `${Math.round(at)} s: ${served.length} runs, ${open} under way, worker heap ${heap} MiB`,
    );
  };
  const [faults] = await Promise.all([
    rareFaults(system, options, chance.split(), over),
    load(customers, options, chance.split(), over),
    every(options.everyMs, over, look),
  ]);
  clearTimeout(timer);
  onProgress("no more load: waiting for all runs to end and to expire");
  await customers.finish(END_MS);
  const { left, after } = await untilExpired(system, before, faults, retentionMs + SLACK_MS);
  const warmUpSeconds = Math.min(WARM_UP_SECONDS, durationMs / 4_000);
  const growth = growthOf(samples, warmUpSeconds, options.bound);
  return {
    machine: { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown" },
    seed,
    seconds: Math.round((performance.now() - began) / 1_000),
    warmUpSeconds,
    runs: customers.served.length,
    faults,
    growth,
    before,
    peak: peakOf(samples),
    after,
    problems: [
      ...customers.served.flatMap(wrongEnd),
      ...system.crew.crashed().map((id) => `${id} ended although nobody had told it to`),
      ...left,
      ...growth.filter(({ isTooMuch }) => isTooMuch).map(({ series }) => `${series} grows`),
    ],
    samples,
    kept: null,
  };
}

/** The one that nobody kills: its memory is measured from the beginning to the end. */
function first(system: System, role: "worker" | "service"): Member {
  const [member] = system.crew.working(role);
  if (member === undefined) throw new Error(`there is no ${role}`);
  return member;
}

/** The other worker and the other service are killed and stopped in turn, and the customers' connections break. */
async function rareFaults(
  { crew, line }: System,
  { faultEveryMs }: SoakOptions,
  chance: Chance,
  over: AbortSignal,
): Promise<number> {
  let count = 0;
  await every(faultEveryMs, over, async () => {
    count += 1;
    const role = chance.hits(0.7) ? "worker" : "service";
    const victim = crew.working(role)[1];
    if (chance.hits(0.2)) line.all((wire) => wire.breakAll());
    if (victim === undefined) return;
    await (chance.hits(0.5) ? victim.kill() : victim.stop());
    await crew.add(role);
  });
  return count;
}

async function load(
  customers: Customers,
  { rate, seed }: SoakOptions,
  chance: Chance,
  over: AbortSignal,
): Promise<void> {
  let i = 0;
  await every(1_000 / rate, over, async () => {
    if (customers.open < 200) customers.begin(plan(`soak-${seed}`, i++, chance));
  });
}

/** Does it again and again, that many milliseconds apart, the first time after one of them. */
async function every(ms: number, over: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (;;) {
    await pause(ms, undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    await work();
  }
}

/** Waits until there is no more than there was, but no longer than that. */
async function untilExpired(
  system: System,
  before: Readonly<Record<string, Kept>>,
  faults: number,
  withinMs: number,
): Promise<{ left: string[]; after: Record<string, Kept> }> {
  const deadline = performance.now() + withinMs;
  await system.leave();
  // A worker that was killed is listed for ten minutes.
  const allowed = { [system.direct.names.bucketStream("liveness")]: 2 * faults };
  for (;;) {
    const after = await kept(system);
    const left = leftBehind(before, after, allowed);
    if (left.length === 0 || performance.now() > deadline) return { left, after };
    await pause(1_000);
  }
}

function peakOf(samples: readonly Sample[]): Record<string, Kept> {
  const peak: Record<string, Kept> = {};
  for (const { streams } of samples) {
    for (const [name, now] of Object.entries(streams)) {
      const most = peak[name] ?? now;
      peak[name] = {
        messages: Math.max(most.messages, now.messages),
        subjects: Math.max(most.subjects, now.subjects),
        bytes: Math.max(most.bytes, now.bytes),
        consumers: Math.max(most.consumers, now.consumers),
      };
    }
  }
  return peak;
}

/** Runs expire before the end, so each is judged by what its customer was told. */
function wrongEnd({
  plan: { runId, output },
  acceptedAt,
  told,
  fence,
  complaints,
}: Served): string[] {
  const said = complaints.map((one) => `${runId}: ${one}`);
  if (acceptedAt === null || told === null) return [...said, `${runId}: its end was never told`];
  if (fence !== null)
    return told.status === "cancelled"
      ? said
      : [...said, `${runId}: ${told.status}, not cancelled`];
  const isRight = told.status === "completed" && isDeepStrictEqual(told.output, output);
  return isRight
    ? said
    : [...said, `${runId}: ${JSON.stringify(told)}, not ${JSON.stringify(output)}`];
}
