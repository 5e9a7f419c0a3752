import { setTimeout as wait } from "node:timers/promises";
import { openKeys, readLedger } from "./ledger.ts";
import type { System } from "./system.ts";
import type { WorkerProcess } from "./worker-processes.ts";

const LOOK_EVERY_MS = 20;
/** Executions that the worker must have in hand to be worth killing. */
const ENOUGH = 5;

/** The worker that was killed, and when, in milliseconds since the epoch. */
export interface Kill {
  readonly victim: WorkerProcess;
  readonly at: number;
}

/**
 * Kills a worker with SIGKILL as soon as it is in the middle of its work, by its own ledger.
 *
 * @param isTime - true from when on it may be done
 * @returns null where the work ended before
 */
export async function killOne(
  system: System,
  isTime: () => boolean,
  isOver: () => boolean,
): Promise<Kill | null> {
  while (!isOver()) {
    await wait(LOOK_EVERY_MS);
    if (!isTime()) continue;
    for (const victim of system.workers) {
      if (openKeys(await readLedger(victim.ledger)).size < ENOUGH) continue;
      const at = Date.now();
      await victim.kill();
      return { victim, at };
    }
  }
  return null;
}
