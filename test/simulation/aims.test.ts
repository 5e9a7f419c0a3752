import { expect, it } from "vitest";
import { play } from "../../proof/simulate/play.ts";
import { scenarioOf } from "../../proof/simulate/random-scenario.ts";
import type { PlannedAim, Scenario } from "../../proof/simulate/scenario.ts";

const STEP = { type: "step", ms: 0 } as const;

/** One run of three steps on two workers, in which nothing goes wrong but what is aimed. */
const calm: Scenario = {
  ...scenarioOf(1),
  theme: "test",
  replicas: 1,
  workers: 2,
  orchestrators: 1,
  concurrency: 1,
  stepsInPlace: 1,
  skewMs: 0,
  haste: 0,
  isUneven: false,
  repairs: false,
  programs: [[STEP, STEP, STEP]],
  runs: [{ program: 0, input: 1, at: 0, via: "client", again: false }],
  commands: [],
  faults: [],
  aims: [],
};

const aim = (at: PlannedAim["at"], does: PlannedAim["does"], more = {}): PlannedAim => {
  return { at, does, whom: "actor", chance: 1, times: 1, after: 0, lasts: 10, ...more };
};

async function traceOf(scenario: Scenario): Promise<string[]> {
  const lines: string[] = [];
  const { violation } = await play(scenario, (line) => lines.push(line.split("\t")[2] ?? ""));
  expect(violation).toBeNull();
  return lines;
}

it("a fault befalls the process whose moment it is aimed at", async () => {
  const lines = await traceOf({ ...calm, aims: [aim("commit", "kill")] });
  const killed = lines.filter((line) => line.startsWith("at commit: kill of "));
  expect(killed).toHaveLength(1);
  const [name] = /worker-\d+/.exec(killed[0] ?? "") ?? [];
  const at = lines.indexOf(killed[0] ?? "");
  expect(lines.slice(0, at).some((line) => line.startsWith(`${name} executes`))).toBe(true);
  expect(lines.slice(at).some((line) => line.startsWith(`${name} executes`))).toBe(false);
});

it("one that is aimed at another process leaves the one whose moment it is alone", async () => {
  const lines = await traceOf({ ...calm, aims: [aim("commit", "kill", { whom: "other" })] });
  const [first = ""] = lines.filter((line) => line.includes(" executes "));
  const [killed = ""] = lines.filter((line) => line.startsWith("at commit: kill of "));
  expect(killed).toContain("worker-");
  expect(killed).not.toContain(` of ${first.split(" ")[0]} `);
});

it("a command is given when what it waits for has happened, as often as is said", async () => {
  const lines = await traceOf({ ...calm, aims: [aim("commit", "pause", { times: 2 })] });
  expect(lines.filter((line) => line === "pause run0 …")).toHaveLength(2);
});

it("a signal of an aim has the name that is waited for", async () => {
  const programs = [[{ type: "either", ms: 20 } as const]];
  const lines = await traceOf({ ...calm, programs, aims: [aim("hold", "signal", { after: 3 })] });
  expect(lines).toContain("signal run0: done");
  expect(lines.filter((line) => line.includes(" executes "))).toHaveLength(3);
});
