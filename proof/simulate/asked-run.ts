import { type Expected, expectedOf } from "./program.ts";
import type { PlannedRun, Scenario } from "./scenario.ts";

/** A run that was asked for, and what was done to it. */
export interface AskedRun {
  readonly runId: string;
  readonly planned: PlannedRun;
  readonly expected: Expected;
  /** True once somebody was told that it is accepted. */
  isAccepted: boolean;
  cancels: number;
  /** True while it is paused for certain: then no node may start. */
  isPaused: boolean;
  /** Resumes that were asked for, and pauses that say of themselves that they are not certain. */
  resumes: number;
  /** Commands that have not returned. One whose process was killed never does. */
  open: number;
  openResumes: number;
  signals: number;
  /** True once a worker has not answered to a command. */
  isUnheard: boolean;
}

/** The runs of a scenario, before anybody has asked for them. */
export function askedRuns({ runs, programs }: Scenario): AskedRun[] {
  return runs.map((planned, i) => ({
    runId: `run${i}`,
    planned,
    expected: expectedOf(programs[planned.program] ?? [], planned.input),
    isAccepted: false,
    cancels: 0,
    isPaused: false,
    resumes: 0,
    open: 0,
    openResumes: 0,
    signals: 0,
    isUnheard: false,
  }));
}

/** Somebody resumes the run: from now on its nodes may start. */
export function resuming(run: AskedRun): void {
  run.resumes += 1;
  run.isPaused = false;
}

/** A worker did not answer to a command: it may start one more node, or queue something. */
export function loosen(run: AskedRun): void {
  run.resumes += 1;
  run.isUnheard = true;
}
