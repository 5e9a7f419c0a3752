import type { Figure } from "./scenarios.ts";
import { median, round } from "./stats.ts";

/** The part of a figure that its rounds give. */
export function figure(
  scenario: string,
  what: string,
  rounds: readonly number[],
  unit: string,
): Pick<Figure, "scenario" | "what" | "ours" | "unit" | "spread"> {
  const digits = unit === "ms" ? 3 : 0;
  return {
    scenario,
    what,
    ours: round(median(rounds), digits),
    unit,
    spread: [round(Math.min(...rounds), digits), round(Math.max(...rounds), digits)],
  };
}
