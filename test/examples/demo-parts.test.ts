import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { text } from "../../examples/01-text.ts";
import { Closers } from "../../examples/demo/closers.ts";
import { plainDisplay, terminalDisplay } from "../../examples/demo/display.ts";
import {
  aftermath,
  type Entry,
  observed,
  openKeys,
  readLedger,
  repeated,
} from "../../examples/demo/ledger.ts";
import { makePlan, WAYS } from "../../examples/demo/plan.ts";
import { verify } from "../../examples/demo/verify.ts";
import { WORKFLOWS } from "../../examples/demo/workflows.ts";
import { LocalSystem, runLocal, type Workflow } from "../../src/index.ts";

const entry = (type: Entry["type"], key: string, at = 0): Entry => ({ type, key, at });

test("the plan has every workflow in every way, and each run once", () => {
  const plan = makePlan();
  expect(new Set(plan.map(({ runId }) => runId)).size).toBe(plan.length);
  expect(plan.length).toBeGreaterThanOrEqual(150);
  for (const { name } of WORKFLOWS) {
    const ways = plan.filter(({ workflow }) => workflow === name).map(({ way }) => way);
    expect(new Set(ways)).toEqual(new Set(WAYS));
  }
});

test("every planned run comes to what is expected of it", async () => {
  await using system = await LocalSystem.start({ workflows: WORKFLOWS });
  const { orchestrator } = system;
  const plan = makePlan();
  for (const run of plan) {
    const { workflow, runId, input, context, approval } = run;
    await orchestrator.startRun(workflow, input, { runId, context });
    if (approval !== null) await orchestrator.signal(runId, "approval", approval);
  }
  for (const run of plan) {
    await orchestrator.waitForCompletion(run.runId);
    expect(await verify(orchestrator, run)).toEqual({
      items: run.expected.completed,
      problems: [],
    });
  }
});

test("a run that came to something else is a problem", async () => {
  await using system = await LocalSystem.start({ workflows: [text] });
  const { orchestrator } = system;
  const [run] = makePlan().filter(({ workflow }) => workflow === "text");
  if (run === undefined) throw new Error("no run of text is planned");
  await orchestrator.startRun(text, "something else", { runId: run.runId });
  await orchestrator.waitForCompletion(run.runId);
  const { problems } = await verify(orchestrator, run);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^text-publish-1: the result is /);
});

test("a ledger says what was begun and what was ended", async () => {
  const folder = await mkdtemp(join(tmpdir(), "floxide-ledger-"));
  try {
    const file = join(folder, "ledger.jsonl");
    expect(await readLedger(file)).toEqual([]);
    const watched = observed(text, file, 1) as Workflow<typeof text.context, string, unknown>;
    expect(await runLocal(watched, " a ")).toEqual({ text: "a", words: 1, characters: 1 });
    const entries = await readLedger(file);
    expect(entries.map(({ type }) => type)).toEqual(["begin", "end", "begin", "end"]);
    expect(openKeys(entries).size).toBe(0);
    expect(repeated([entries])).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what a dead worker had in hand is found with the others, or missed", () => {
  const dead = [
    entry("begin", "a"),
    entry("end", "a"),
    entry("begin", "b"),
    entry("begin", "c"),
    entry("begin", "d"),
    entry("end", "d"),
  ];
  const others = [
    [entry("begin", "b", 1_100), entry("end", "b", 1_200)],
    [entry("begin", "d", 1_300), entry("end", "d", 1_400)],
  ];
  expect(aftermath(dead, others, 1_000)).toEqual({
    inFlight: 2,
    again: 2,
    abandoned: ["c"],
    recoveryMs: 400,
  });
  expect(repeated([dead, ...others])).toBe(2);
});

test("closes the newest first, whatever fails", async () => {
  const closed: string[] = [];
  const closers = new Closers();
  for (const name of ["a", "b", "c"]) {
    closers.add(name, async () => {
      closed.push(name);
      if (name === "b") throw new Error("stuck");
    });
  }
  expect(await closers.closeAll()).toEqual([new Error("stuck")]);
  expect(closed).toEqual(["c", "b", "a"]);
  expect(await closers.closeAll()).toEqual([]);
});

test("displays draw over their table, or write a line now and then", () => {
  const progress = (done: number) => ({
    workflows: [{ name: "text", done, total: 10 }],
    workers: [{ name: "worker-1", state: "works", executed: 3 }],
  });
  let plain = "";
  const lines = plainDisplay((written) => {
    plain += written;
  });
  for (const done of [0, 1, 1, 2]) lines.progress(progress(done));
  expect(plain).toBe("  1 of 10 runs have ended\n  2 of 10 runs have ended\n");

  let screen = "";
  const table = terminalDisplay((written) => {
    screen += written;
  });
  table.progress(progress(1));
  table.say("hello");
  expect(screen.split("\x1b[3A\x1b[J")[1]).toMatch(/^hello\n {2}text /);
});
