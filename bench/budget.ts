import type { WorkerProcess } from "./worker.ts";

/** What can say how much CPU its processes have used, in milliseconds. Null where it cannot be known. */
interface CpuMeter {
  cpuMs(): number | null;
}

/** CPU in milliseconds, by the process that used it. Null where it cannot be known. */
export interface Budget {
  /** All worker processes together. */
  readonly worker: number;
  /** This process. */
  readonly client: number;
  /** All servers together. */
  readonly server: number | null;
}

/** What the CPU went into meanwhile. */
export async function budgetOf<T>(
  workers: readonly WorkerProcess[],
  servers: CpuMeter,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpu: Budget }> {
  const before = await spent(workers, servers);
  const result = await work();
  const after = await spent(workers, servers);
  return {
    result,
    cpu: {
      worker: after.worker - before.worker,
      client: after.client - before.client,
      server: after.server === null || before.server === null ? null : after.server - before.server,
    },
  };
}

async function spent(workers: readonly WorkerProcess[], servers: CpuMeter): Promise<Budget> {
  const reports = await Promise.all(workers.map((worker) => worker.report()));
  const { user, system } = process.cpuUsage();
  return {
    worker: reports.reduce((total, { cpuMs }) => total + cpuMs, 0),
    client: (user + system) / 1_000,
    server: servers.cpuMs(),
  };
}
