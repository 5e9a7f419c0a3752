// Branching, retries, a fallback and an event log in one workflow, the way a shop would have it.

import { z } from "zod";
import {
  eventLog,
  FatalError,
  fixed,
  LocalSystem,
  next,
  node,
  variant,
  variants,
  workflow,
} from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Order = z.object({
  id: z.string(),
  item: z.string(),
  quantity: z.number().int(),
  cents: z.number().int(),
  /** How the bank behaves: `timeouts` first attempts fail, `declined` refuses for good. */
  bank: z.object({ timeouts: z.number().int(), declined: z.boolean() }),
});
const Receipt = z.object({ id: z.string(), paid: z.number(), by: z.enum(["card", "invoice"]) });
const Event = z.enum(["validated", "rejected", "charged", "invoiced", "shipped"]);

const Shop = { events: eventLog(Event), currency: fixed(z.enum(["EUR", "USD"])) };

const validate = node({
  context: Shop,
  input: Order,
  output: variants({ valid: Order, invalid: z.string() }),
  run: ({ events }, order) => {
    const valid = order.quantity > 0 && order.cents > 0;
    events.append(valid ? "validated" : "rejected");
    return next(valid ? variant("valid", order) : variant("invalid", `order ${order.id} rejected`));
  },
});

const charge = node({
  context: Shop,
  input: Order,
  output: Receipt,
  retry: { maxAttempts: 3, initialMs: 20, jitter: 0 },
  run: ({ events, attempt }, { id, quantity, cents, bank }) => {
    if (bank.declined) throw new FatalError("card declined");
    if (attempt <= bank.timeouts) throw new Error("the bank does not answer");
    events.append("charged");
    return next({ id, paid: quantity * cents, by: "card" });
  },
});

/** The fallback gets the order, not the error. */
const invoice = node({
  context: Shop,
  input: Order,
  output: Receipt,
  run: ({ events }, { id, quantity, cents }) => {
    events.append("invoiced");
    return next({ id, paid: quantity * cents, by: "invoice" });
  },
});

const ship = node({
  context: Shop,
  input: Receipt,
  output: z.string(),
  run: ({ events, currency }, { id, paid, by }) => {
    events.append("shipped");
    return next(`order ${id}: ${(paid / 100).toFixed(2)} ${currency.get()} by ${by}, shipped`);
  },
});

export const order = workflow({
  name: "order",
  version: 1,
  context: Shop,
  nodes: { validate, charge, invoice, ship },
  start: "validate",
  edges: {
    validate: { on: { valid: ["charge"], invalid: [] } },
    charge: { next: ["ship"], onError: ["invoice"] },
    invoice: ["ship"],
    ship: [],
  },
});

await runDirectly(import.meta, async () => {
  await using system = await LocalSystem.start({ workflows: [order] });
  const { orchestrator } = system;
  const tea = { id: "A1", item: "tea", quantity: 2, cents: 350 };
  const orders = [
    { ...tea, bank: { timeouts: 1, declined: false } },
    { ...tea, id: "A2", bank: { timeouts: 0, declined: true } },
    { ...tea, id: "A3", quantity: 0, bank: { timeouts: 0, declined: false } },
  ];
  for (const input of orders) {
    const runId = await orchestrator.startRun(order, input, { context: { currency: "EUR" } });
    await orchestrator.waitForCompletion(runId);
    console.log(await orchestrator.result(runId));
    const { events } = await orchestrator.context(runId);
    console.log(
      "  events:  ",
      z
        .array(z.object({ event: Event }))
        .parse(events)
        .map(({ event }) => event)
        .join(", "),
    );
    for (const { failure } of await orchestrator.errors(runId)) {
      console.log(`  attempt ${failure.attempt} of ${failure.node}: ${failure.message}`);
    }
  }
});
