import { setTimeout as pause } from "node:timers/promises";
import { drained } from "../drained.ts";
import { figure, type Measured, missed } from "../figure.ts";
import { diskBytesOf } from "../scale/disk.ts";
import { sleeper } from "../scale/flows.ts";
import { type Look, looked } from "../scale/look.ts";
import { ScaleSystem } from "../scale/system.ts";
import { type Bench, type Scenario, sized } from "../scenario.ts";
import { percentile, pipelined } from "../stats.ts";

const RUNS = 100_000;
/** Runs that warm the system up, and tell how fast it puts runs to sleep. */
const FIRST_RUNS = 2_000;
/** Starts under way at a time. */
const IN_FLIGHT = 128;
/** Over how long their ends are spread: so that fewer wake in a second than the system can wake. */
const WAKING_MS = 200_000;
/** How long is looked at a system at rest, in milliseconds. */
const QUIET_MS = 60_000;
/** How much longer than the first runs let expect it may take until all sleep. */
const SLACK = 1.7;
/** Milliseconds that the last may be late. */
const PATIENCE_MS = 120_000;

/** H: many runs that sleep, or wait for a signal until a time. */
export const sleeping: Scenario = {
  name: "H",
  title: "100,000 runs that sleep, or wait for a signal that does not come in time",
  run: async (bench) => {
    await using system = await ScaleSystem.start(bench, { serves: ["sleeper"], service: true });
    const total = sized(bench, RUNS, 200);
    const perSecond = await warmUp(bench, system);
    const { woken: before } = await system.worker.report();
    const quietMs = sized(bench, QUIET_MS, 1_000);
    bench.say("a look at the system with nothing to do");
    const empty = await looked(system, quietMs);
    const without = await kept(system);
    const comingMs = (SLACK * total * 1_000) / perSecond;
    const firstMs = Date.now() + comingMs + quietMs;
    const wakingMs = sized(bench, WAKING_MS, 1_000);
    bench.say(`${total} runs go to sleep, at ${Math.round(perSecond)} a second if all goes well`);
    await putToSleep(system, total, (i) => firstMs + (i / total) * wakingMs);
    const leftMs = firstMs - Date.now();
    if (leftMs < 1_000) return [missed(ASLEEP, "runs", "the first woke before the last slept")];
    const after = await kept(system);
    bench.say("a look at the system while all sleep");
    const asleep = await looked(system, Math.min(quietMs, leftMs - 500));
    bench.say(
      `in ${Math.round((firstMs - Date.now()) / 1_000)} s they begin to wake, ${Math.round((total * 1_000) / wakingMs)} a second`,
    );
    const late = await untilWoken(system, before + total, firstMs + wakingMs + PATIENCE_MS);
    return [
      ...atRest(total, empty, asleep),
      ...weight(total, without, after),
      ...punctual(total, late),
    ];
  },
};

const ASLEEP = "runs asleep at a time";

/** Twice, because the first runs of a process tell little. @returns runs that go to sleep in a second */
async function warmUp(bench: Bench, system: ScaleSystem): Promise<number> {
  bench.say("warm-up");
  const count = sized(bench, FIRST_RUNS, 200);
  let perSecond = Number.NaN;
  for (let n = 0; n < 2; n++) {
    const began = performance.now();
    await putToSleep(system, count, () => Date.now() + 1_000);
    perSecond = (count * 1_000) / (performance.now() - began);
    await untilWoken(system, (n + 1) * count, Date.now() + PATIENCE_MS);
  }
  return perSecond;
}

/** Resolves when the nodes of all of them have gone to sleep, and their timers are set. */
async function putToSleep(
  { orchestrator, worker }: ScaleSystem,
  count: number,
  dueMs: (i: number) => number,
): Promise<void> {
  const { parked } = await worker.report();
  await pipelined(count, IN_FLIGHT, (i) =>
    orchestrator.startRun(sleeper, { dueMs: dueMs(i), holds: i % 2 === 1 }),
  );
  while ((await worker.report()).parked < parked + count) await pause(50);
  await drained(orchestrator);
}

/** Waits until so many have been woken in all. @returns how late those were that were woken since, in milliseconds */
async function untilWoken(
  { orchestrator, worker }: ScaleSystem,
  count: number,
  untilMs: number,
): Promise<readonly number[]> {
  const late: number[] = [];
  for (let sofar = 0; sofar < count && Date.now() < untilMs; ) {
    await pause(200);
    const report = await worker.report();
    sofar = report.woken;
    for (const one of report.lateMs) late.push(one);
  }
  await drained(orchestrator);
  return late;
}

interface Kept {
  readonly rssBytes: number | null;
  readonly diskBytes: number;
}

async function kept({ servers }: ScaleSystem): Promise<Kept> {
  return { rssBytes: servers.rssBytes(), diskBytes: await diskBytesOf(servers.storeDirs) };
}

function atRest(total: number, empty: Look, asleep: Look): readonly Measured[] {
  const unit = "% of a core";
  const cpu = (who: string, idle: number | null, now: number | null, isBounded: boolean) =>
    figure({
      what: `CPU of ${who} while ${total} runs sleep, more than with none`,
      unit,
      rounds: idle === null || now === null ? [] : [now - idle],
      bounds: isBounded ? [{ most: 0.5 }] : [],
      ...(idle === null || now === null
        ? {}
        : { note: `${now.toFixed(2)} against ${idle.toFixed(2)}` }),
    });
  return [
    cpu("the worker", empty.workersCpu, asleep.workersCpu, true),
    cpu("the server", empty.serverCpu, asleep.serverCpu, false),
    cpu("the service, which repairs", empty.serviceCpu, asleep.serviceCpu, false),
    figure({
      what: `messages to and from the server while ${total} runs sleep`,
      unit: "messages/s",
      rounds: [asleep.messages],
      beside: { "with none": [empty.messages] },
    }),
  ];
}

function weight(total: number, before: Kept, after: Kept): readonly Measured[] {
  const { rssBytes } = after;
  const isKnown = rssBytes !== null && before.rssBytes !== null;
  return [
    figure({
      what: "memory of the server for a sleeping run",
      unit: "bytes",
      rounds: isKnown ? [(rssBytes - before.rssBytes) / total] : [],
    }),
    figure({
      what: "disk for a sleeping run",
      unit: "bytes",
      rounds: [(after.diskBytes - before.diskBytes) / total],
    }),
  ];
}

function punctual(total: number, late: readonly number[]): readonly Measured[] {
  const woken = figure({
    what: "runs that were woken",
    unit: "runs",
    rounds: [late.length],
    bounds: [{ least: total, most: total }],
  });
  const early = late.filter((ms) => ms < 0).length;
  const shares = { p50: 0.5, p99: 0.99, latest: 1 };
  return [
    woken,
    figure({ what: "runs woken too early", unit: "runs", rounds: [early], bounds: [{ most: 0 }] }),
    ...Object.entries(shares).map(([name, share]) =>
      figure({
        what: `node executed after it was due, ${name}`,
        unit: "ms",
        rounds: [percentile(late, share)],
      }),
    ),
  ];
}
