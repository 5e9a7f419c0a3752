import { describe, expect, it } from "vitest";
import { Ledgers, Violation } from "../../proof/simulate/checks.ts";
import { play } from "../../proof/simulate/play.ts";
import { expectedOf, type Program, stepped } from "../../proof/simulate/program.ts";
import { scenarioOf } from "../../proof/simulate/random-scenario.ts";
import type { Scenario } from "../../proof/simulate/scenario.ts";
import { shrink } from "../../proof/simulate/shrink.ts";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { TestRun } from "../core/checkpoint/test-run.ts";

async function traceOf(scenario: Scenario): Promise<string[]> {
  const lines: string[] = [];
  await play(scenario, (line) => lines.push(line));
  return lines;
}

describe("a schedule", () => {
  it("is the same each time it is played", async () => {
    for (const seed of [3, 11, 20]) {
      const first = await traceOf(scenarioOf(seed));
      expect(first.length).toBeGreaterThan(10);
      expect(await traceOf(scenarioOf(seed))).toEqual(first);
    }
  });

  it("differs from seed to seed", async () => {
    expect(await traceOf(scenarioOf(21))).not.toEqual(await traceOf(scenarioOf(22)));
  });

  it("says what went wrong, and which promise it was", async () => {
    // Nobody works: the run cannot end.
    const scenario = { ...scenarioOf(3), workers: 0, commands: [], faults: [], aims: [] };
    const { violation } = await play(scenario);
    expect(violation).toMatchObject({
      rule: "stands still",
      message: expect.stringContaining("run0"),
    });
  });
});

it("a scenario that fails is made smaller for as long as it fails in the same way", async () => {
  const scenario = scenarioOf(3);
  expect(scenario.aims.length + scenario.workers).toBeGreaterThan(2);
  const least = await shrink(scenario, async ({ runs }) => runs.length > 0);
  expect(least).toMatchObject({ faults: [], commands: [], aims: [], workers: 1 });
  expect(least.runs).toHaveLength(1);
  expect(least.programs.every((program) => program.length === 1)).toBe(true);
});

describe("what a run must come to", () => {
  it("is computed without an engine", () => {
    const program: Program = [
      { type: "fork", width: 2, body: [{ type: "retry", failures: 2, waitMs: 20 }] },
      { type: "fallback" },
      { type: "loop", rounds: 3 },
    ];
    const sum = stepped(4) + stepped(5);
    const output = stepped(stepped(stepped(stepped(stepped(sum)))));
    const counted = { items: 4 + 2 + 4, failed: 1, retries: 4, signals: 0, maybes: 0, breaks: 0 };
    expect(expectedOf(program, 4)).toEqual({ output, ...counted });
  });
});

describe("the look at every write", () => {
  const write = (...checkpoints: Checkpoint[]) => {
    const ledgers = new Ledgers();
    for (const checkpoint of checkpoints) ledgers.wrote(checkpoint);
    return ledgers;
  };
  const begun = TestRun.begun().checkpoint;
  const item = { node: "second", input: 1, attempt: 1, turn: 0 };
  const cancelled = (() => {
    const run = TestRun.begun();
    run.does({ type: "cancel" });
    return run.checkpoint;
  })();

  it.each([
    ["terminal", () => write(cancelled, { ...cancelled, status: "running" })],
    ["terminal", () => write(cancelled, cancelled)],
    ["once", () => write(begun, { ...begun, items: { 2: item } }, { ...begun, nextItem: 3 })],
    ["end", () => write({ ...begun, status: "completed" })],
    ["end", () => write({ ...begun, items: {} })],
    ["history", () => write({ ...begun, history: { next: 9, events: begun.history.events } })],
    [
      "fence",
      () => {
        const ledgers = write(cancelled);
        ledgers.fence(cancelled.runId);
        ledgers.wrote(cancelled);
      },
    ],
  ])('sees what breaks the rule "%s"', (rule, breaking) => {
    expect(breaking).toThrow(Violation);
    expect(breaking).toThrow(`${rule}: `);
  });

  it("lets a run go its way", () => {
    expect(() => write(begun, cancelled)).not.toThrow();
  });
});
