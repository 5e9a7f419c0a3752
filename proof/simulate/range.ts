import { play } from "./play.ts";
import { scenarioOf } from "./random-scenario.ts";
import type { Figures } from "./schedule.ts";

/** A schedule that showed what must not be. */
export interface Finding {
  readonly seed: number;
  readonly rule: string;
  readonly message: string;
}

/** What a number of schedules came to. */
export interface Totals extends Figures {
  schedules: number;
}

export const noTotals = (): Totals => ({
  schedules: 0,
  steps: 0,
  simulatedMs: 0,
  runs: 0,
  executions: 0,
  commits: 0,
  faults: 0,
  commands: 0,
});

export function addTotals(to: Totals, from: Readonly<Figures & { schedules?: number }>): void {
  to.schedules += from.schedules ?? 1;
  to.steps += from.steps;
  to.simulatedMs += from.simulatedMs;
  to.runs += from.runs;
  to.executions += from.executions;
  to.commits += from.commits;
  to.faults += from.faults;
  to.commands += from.commands;
}

/** What {@link playRange} tells as it goes on. */
export interface RangeListener {
  /** @returns false to stop */
  readonly onPlayed: (totals: Totals) => boolean;
  readonly onFound: (finding: Finding) => void;
}

/** Leaves out what costs a process that plays many schedules time, and tells nothing. */
export function withoutCost(): void {
  // A finding is looked at by playing it again: where an error was made is not worth its time here.
  Error.stackTraceLimit = 0;
  // Workers say in each heartbeat how much memory they have. Asking the system takes a twentieth of the time of a schedule.
  process.memoryUsage.rss = () => 0;
}

/** Plays the schedules of the seeds from one on, every so many-th. */
export async function playRange(
  {
    first,
    count,
    every,
  }: { readonly first: number; readonly count: number; readonly every: number },
  { onPlayed, onFound }: RangeListener,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const seed = first + i * every;
    const { violation, figures } = await play(scenarioOf(seed));
    if (violation !== null) onFound({ seed, ...violation });
    const totals = noTotals();
    addTotals(totals, figures);
    if (!onPlayed(totals)) return;
  }
}
