import { setTimeout as pause } from "node:timers/promises";
import { drained } from "../drained.ts";
import { figure, type Measured } from "../figure.ts";
import { diskBytesOf } from "../scale/disk.ts";
import { brief } from "../scale/flows.ts";
import { ScaleSystem } from "../scale/system.ts";
import { type Scenario, sized } from "../scenario.ts";
import { median, pipelined } from "../stats.ts";

const RUNS = 1_000_000;
const PARTS = 10;
/** Runs under way at a time. */
const IN_FLIGHT = 128;
/** How long ended runs are kept, in milliseconds: short against a part, so that as many go as come. */
const RETENTION_MS = 5_000;
/** How long the marker of a removed list entry stays, and some more, in milliseconds. */
const MARKERS_GONE_MS = 40_000;

/** What one part of the runs cost. */
interface Part {
  readonly perSecond: number;
  /** CPU of worker, server and client for a run, in microseconds. */
  readonly cpuUs: number;
  readonly workerBytes: number;
  readonly serviceBytes: number;
  readonly serverBytes: number;
  readonly diskBytes: number;
}

/** J: a namespace through which runs go for long. */
export const retention: Scenario = {
  name: "J",
  title: "1,000,000 runs through one namespace, ended ones kept for 5 seconds",
  isLong: true,
  run: async (bench) => {
    const shared = { retentionMs: RETENTION_MS, historyRetentionMs: RETENTION_MS };
    await using system = await ScaleSystem.start(bench, {
      serves: ["brief"],
      service: true,
      shared,
    });
    const size = sized(bench, RUNS / PARTS, 100);
    // Until as many runs go as come, nothing is flat.
    bench.say("warm-up");
    await part(system, size);
    const parts: Part[] = [];
    for (let n = 1; n <= PARTS; n++) {
      const now = await part(system, size);
      parts.push(now);
      bench.say(`${n * size} runs: ${described(now)}`);
    }
    bench.say("waiting until all has expired");
    await pause(sized(bench, RETENTION_MS + MARKERS_GONE_MS, RETENTION_MS));
    const left = await diskBytesOf(system.servers.storeDirs);
    return [
      ...flatness(parts),
      figure({ what: "disk when all has expired", unit: "MB", rounds: [left / 1e6] }),
    ];
  },
};

async function part(system: ScaleSystem, size: number): Promise<Part> {
  const { orchestrator, servers, worker, service } = system;
  const before = await cpuMs(system);
  const began = performance.now();
  await pipelined(size, IN_FLIGHT, async () =>
    orchestrator.waitForCompletion(await orchestrator.startRun(brief, 1)),
  );
  await drained(orchestrator);
  const tookMs = performance.now() - began;
  return {
    perSecond: (size * 1_000) / tookMs,
    cpuUs: (((await cpuMs(system)) - before) * 1_000) / size,
    workerBytes: (await worker.report()).rssBytes,
    serviceBytes: (await service?.report())?.rssBytes ?? Number.NaN,
    serverBytes: servers.rssBytes() ?? Number.NaN,
    diskBytes: await diskBytesOf(servers.storeDirs),
  };
}

/** Of worker, server and client together: unlike the time, it hardly depends on what else the machine does. */
async function cpuMs({ servers, worker }: ScaleSystem): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (await worker.report()).cpuMs + (servers.cpuMs() ?? Number.NaN) + (user + system) / 1_000;
}

function described({ perSecond, cpuUs, ...bytes }: Part): string {
  const { workerBytes, serviceBytes, serverBytes, diskBytes } = bytes;
  const megabytes = [workerBytes, serviceBytes, serverBytes, diskBytes].map((one) =>
    Math.round(one / 1e6),
  );
  return `${Math.round(perSecond)} runs/s, ${Math.round(cpuUs)} µs of CPU a run, worker, service, server and disk ${megabytes.join(", ")} MB`;
}

/** Each part is a round. The last three are held against the first three: one alone may have met a garbage collection. */
function flatness(parts: readonly Part[]): readonly Measured[] {
  const [first, last] = [parts.slice(0, 3), parts.slice(-3)];
  const series = (what: string, unit: string, of: (one: Part) => number) =>
    figure({ what: `${what}, part by part`, unit, rounds: parts.map(of) });
  const change = (
    what: string,
    of: (one: Part) => number,
    bound: { readonly least?: number; readonly most?: number },
  ) =>
    figure({
      what: `${what}, last parts to first`,
      unit: "times",
      rounds: [median(last.map(of)) / median(first.map(of))],
      bounds: [bound],
    });
  const megabytes = (bytes: number): number => bytes / 1e6;
  return [
    change("runs/s", (one) => one.perSecond, { least: 0.8 }),
    change("CPU of a run", (one) => one.cpuUs, { most: 1.2 }),
    change("memory of the worker", (one) => one.workerBytes, { most: 1.25 }),
    change("memory of the service", (one) => one.serviceBytes, { most: 1.25 }),
    change("memory of the server", (one) => one.serverBytes, { most: 1.25 }),
    change("disk", (one) => one.diskBytes, { most: 1.25 }),
    series("runs/s", "runs/s", (one) => one.perSecond),
    series("CPU of a run, worker, server and client", "µs", (one) => one.cpuUs),
    series("memory of the worker", "MB", (one) => megabytes(one.workerBytes)),
    series("memory of the service", "MB", (one) => megabytes(one.serviceBytes)),
    series("memory of the server", "MB", (one) => megabytes(one.serverBytes)),
    series("disk", "MB", (one) => megabytes(one.diskBytes)),
  ];
}
