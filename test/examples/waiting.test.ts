import { beforeEach, expect, test } from "vitest";
import { expense } from "../../examples/07-approval.ts";
import { diary, scanning } from "../../examples/08-cancel.ts";
import { reminder } from "../../examples/14-timeout-and-timer.ts";
import { LocalSystem, runLocal } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";

beforeEach(() => {
  diary.length = 0;
});

test("07 pays or declines as the signal says", async () => {
  await using system = await LocalSystem.start({ workflows: [expense] });
  const { orchestrator } = system;
  const input = { what: "desk", cents: 45_000, patienceMs: 60_000 };
  const paid = await orchestrator.startRun(expense, input);
  const declined = await orchestrator.startRun(expense, input);
  await eventually(async () => {
    expect(await orchestrator.listWorkItems(paid)).toMatchObject([
      { state: "held", waitsFor: "approval" },
    ]);
  });
  await orchestrator.signal(paid, "approval", { by: "A", ok: true });
  await orchestrator.signal(declined, "approval", { by: "B", ok: false });
  await orchestrator.waitForCompletion(paid);
  await orchestrator.waitForCompletion(declined);
  expect(await orchestrator.result(paid)).toBe("paid (A)");
  expect(await orchestrator.result(declined)).toBe("declined (B)");
});

test("07 asks nobody for little, and declines when nobody answers", async () => {
  const input = { what: "chair", cents: 999, patienceMs: 30 };
  expect(await runLocal(expense, input)).toBe("paid (nobody had to ask)");
  expect(await runLocal(expense, { ...input, cents: 1_000 })).toBe("declined (nobody answered)");
});

test("08 stops the node that runs, and nothing of it counts", async () => {
  await using system = await LocalSystem.start({ workflows: [scanning] });
  const { orchestrator } = system;
  const runId = await orchestrator.startRun(scanning, { pages: 10_000 });
  await eventually(() => expect(diary).toContain("page 2"));
  await orchestrator.cancel(runId);
  expect(await orchestrator.status(runId)).toBe("cancelled");
  await eventually(() => expect(diary.at(-1)).toMatch(/^stopped: /));
  await expect(orchestrator.result(runId)).rejects.toMatchObject({ code: "cancelled" });
  expect(await orchestrator.metrics(runId)).toMatchObject({ completed: 1 });
});

test("08 completes where it is left alone", async () => {
  expect(await runLocal(scanning, { pages: 2 })).toMatch(/: 2 pages$/);
});

test("14 sleeps as long as it is told, then asks", async () => {
  const { text, sleptMs } = await runLocal(reminder, { text: "Tea?", delayMs: 80, answerMs: 1 });
  expect(text).toBe("Tea? - yes");
  expect(sleptMs).toBeGreaterThanOrEqual(79);
});

test("14 gives up an answer that takes too long", async () => {
  const { text } = await runLocal(reminder, { text: "Tea?", delayMs: 0, answerMs: 60_000 });
  expect(text).toBe("Tea? - no answer in time");
});
