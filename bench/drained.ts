import { setTimeout as pause } from "node:timers/promises";
import type { DistributedOrchestrator } from "#floxide";
import { workflows } from "./workflows.ts";

/** Until nothing waits that a worker takes: a backlog of one figure is not to weigh on the next. */
export async function drained(orchestrator: DistributedOrchestrator): Promise<void> {
  for (;;) {
    const waiting = await orchestrator.backlog();
    const left = waiting.filter(({ workflow }) => workflow !== workflows.unserved.name);
    if (left.every(({ starts, items, inFlight }) => starts + items + inFlight === 0)) return;
    await pause(50);
  }
}
