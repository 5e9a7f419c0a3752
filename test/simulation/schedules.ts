import { expect } from "vitest";
import { type Finding, playRange } from "../../proof/simulate/range.ts";

/** Plays the schedules of so many seeds and expects that all promises hold in each. */
export async function expectAllHold(first: number, count: number): Promise<void> {
  const findings: Finding[] = [];
  let executions = 0;
  let faults = 0;
  const onPlayed = (totals: { readonly executions: number; readonly faults: number }) => {
    executions += totals.executions;
    faults += totals.faults;
    return true;
  };
  await playRange(
    { first, count, every: 1 },
    { onPlayed, onFound: (finding) => findings.push(finding) },
  );
  expect(findings).toEqual([]);
  // A simulation in which nothing happens would hold whatever it is told.
  expect(executions).toBeGreaterThan(5 * count);
  expect(faults).toBeGreaterThan(count);
}
