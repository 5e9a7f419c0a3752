import { expect, test } from "vitest";
import { order } from "../../examples/10-order.ts";
import { LocalSystem } from "../../src/index.ts";

const tea = { id: "T1", item: "tea", quantity: 3, cents: 350 };

const CASES = [
  [
    "by card",
    { timeouts: 0, declined: false },
    "by card, shipped",
    ["validated", "charged", "shipped"],
    0,
  ],
  [
    "after two timeouts",
    { timeouts: 2, declined: false },
    "by card, shipped",
    ["validated", "charged", "shipped"],
    2,
  ],
  [
    "by invoice after three",
    { timeouts: 3, declined: false },
    "by invoice, shipped",
    ["validated", "invoiced", "shipped"],
    2,
  ],
  [
    "by invoice when declined",
    { timeouts: 0, declined: true },
    "by invoice, shipped",
    ["validated", "invoiced", "shipped"],
    0,
  ],
] as const;

test.each(CASES)("10 pays %s", async (_how, bank, end, wanted, retries) => {
  await using system = await LocalSystem.start({ workflows: [order] });
  const { orchestrator } = system;
  const runId = await orchestrator.startRun(
    order,
    { ...tea, bank },
    { context: { currency: "USD" } },
  );
  await orchestrator.waitForCompletion(runId);
  expect(await orchestrator.result(runId)).toBe(`order T1: 10.50 USD ${end}`);
  const { events, currency } = await orchestrator.context(runId);
  expect((events as { event: string }[]).map(({ event }) => event)).toEqual(wanted);
  expect(currency).toBe("USD");
  expect(await orchestrator.metrics(runId)).toMatchObject({ retries });
});

test("10 rejects an order of nothing", async () => {
  await using system = await LocalSystem.start({ workflows: [order] });
  const { orchestrator } = system;
  const bank = { timeouts: 0, declined: false };
  const runId = await orchestrator.startRun(order, { ...tea, quantity: 0, bank });
  await orchestrator.waitForCompletion(runId);
  expect(await orchestrator.result(runId)).toBe("order T1 rejected");
});
