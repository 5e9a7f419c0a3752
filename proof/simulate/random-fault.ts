import type { Random } from "./random.ts";
import type { CommandType, FaultType } from "./scenario.ts";

export const FAULTS: readonly FaultType[] = [
  "kill",
  "kill",
  "stall",
  "stop",
  "cut",
  "delay",
  "slow",
  "again",
  "again",
  "late",
  "restart",
  "reboot",
  "amnesia",
  "forget",
];

/** Faults that end a process: of an orchestrator, in the middle of what it does. */
export const KILLS: readonly FaultType[] = ["kill", "stop", "reboot"];

/** How long a fault lasts, by chance. */
export function lastsOf(type: FaultType | CommandType, random: Random): number {
  const isInSteps = type === "delay" || type === "slow" || type === "late";
  return random.pick(isInSteps ? [10, 25, 60, 150, 300] : [10, 700, 5_000, 9_000]);
}
