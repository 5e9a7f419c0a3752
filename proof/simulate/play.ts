import { Violation } from "./checks.ts";
import type { Scenario } from "./scenario.ts";
import { type Figures, Schedule } from "./schedule.ts";

/** How a schedule ended. */
export interface Played {
  /** Null where everything held. */
  readonly violation: { readonly rule: string; readonly message: string } | null;
  readonly figures: Figures;
}

/** Plays one schedule to its end. The same scenario always ends the same. */
export async function play(scenario: Scenario, trace?: (line: string) => void): Promise<Played> {
  const schedule: Schedule = new Schedule(scenario, (text) =>
    trace?.(`${schedule.world.step}\t${Math.round(schedule.world.time.sinceBegin)} ms\t${text}`),
  );
  let violation: Played["violation"] = null;
  try {
    await schedule.play();
  } catch (error) {
    violation = describe(error);
  }
  return { violation, figures: schedule.figures };
}

function describe(error: unknown): Played["violation"] {
  if (error instanceof Violation) return { rule: error.rule, message: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { rule: "error", message: text };
}
