import { setTimeout as pause } from "node:timers/promises";
import type { ScaleSystem } from "./system.ts";

/** What a system did for a while. */
export interface Look {
  /** CPU of all workers, as a percentage of a core. */
  readonly workersCpu: number;
  /** CPU of the service, as a percentage of a core; null where there is none. */
  readonly serviceCpu: number | null;
  /** CPU of the servers, as a percentage of a core; null where it cannot be known. */
  readonly serverCpu: number | null;
  /** Messages that came to the server and went from it, a second. */
  readonly messages: number;
}

/** Looks at a system for so long. */
export async function looked(system: ScaleSystem, ms: number): Promise<Look> {
  const before = await used(system);
  await pause(ms);
  const after = await used(system);
  const tookMs = after.at - before.at;
  const share = (from: number, to: number): number => (100 * (to - from)) / tookMs;
  const shareOrNull = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : share(from, to);
  return {
    workersCpu: share(before.workersMs, after.workersMs),
    serviceCpu: shareOrNull(before.serviceMs, after.serviceMs),
    serverCpu: shareOrNull(before.serverMs, after.serverMs),
    messages: ((after.messages - before.messages) * 1_000) / tookMs,
  };
}

async function used({ workers, service, servers }: ScaleSystem) {
  const reports = await Promise.all(workers.map((worker) => worker.report()));
  const { inMessages, outMessages } = await servers.traffic();
  return {
    at: performance.now(),
    workersMs: reports.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    serviceMs: service === null ? null : (await service.report()).cpuMs,
    serverMs: servers.cpuMs(),
    messages: inMessages + outMessages,
  };
}
