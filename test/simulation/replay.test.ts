import { expect, test } from "vitest";
import { describe as described, describeFault } from "../../proof/simulate/describe.ts";
import { play } from "../../proof/simulate/play.ts";
import { scenarioOf } from "../../proof/simulate/random-scenario.ts";

test("a scenario is described by its workflows, runs with what they must come to, commands and faults", () => {
  const scenario = scenarioOf(5);
  const lines = described(scenario).map((line) => line.split("\t"));
  const { programs, runs, commands, faults, aims } = scenario;
  const count = (what: RegExp) => lines.filter(([name = ""]) => what.test(name)).length;
  expect(count(/^scenario$/)).toBe(1);
  expect(count(/^flow\d+$/)).toBe(programs.length);
  expect(count(/^run\d+$/)).toBe(runs.length);
  expect(count(/^command$/)).toBe(commands.length);
  expect(count(/^fault$/)).toBe(faults.length);
  expect(count(/^aim$/)).toBe(aims.length);
  const [, run = ""] = lines.find(([name]) => name === "run0") ?? [];
  expect(JSON.parse(run)).toMatchObject({
    workflow: `flow${runs[0]?.program}`,
    mustComeTo: { output: expect.any(Number) },
  });
});

test("faults name the process that they befall", async () => {
  const fault = { at: 1, target: 0, lasts: 700 };
  expect(describeFault({ ...fault, type: "kill" }, "worker-1")).toBe(
    "fault: kill of worker-1 for 700",
  );
  expect(describeFault({ ...fault, type: "restart" }, "worker-1")).toBe(
    "fault: restart of the server",
  );
  const scenario = { ...scenarioOf(5), faults: [{ ...fault, type: "stall" as const }] };
  const told: string[] = [];
  await play(scenario, (line) => told.push(line));
  expect(told.filter((line) => line.includes("fault: "))).toEqual([
    expect.stringMatching(/^\d+\t\d+ ms\tfault: stall of worker-1 for 700$/),
  ]);
});
