// A node chooses the way by the kind of its value: `variants` names the kinds, `on` says where each goes, and the
// target gets the value unwrapped. A kind without an arm does not compile.

import { z } from "zod";
import { next, node, runLocal, variant, variants, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Order = z.object({ quantity: z.number(), item: z.string() });

const classify = node({
  input: z.string(),
  output: variants({ order: Order, question: z.string(), other: z.string() }),
  run: (_context, message) => {
    const [, quantity, item] = /^send (\d+) (.+)$/i.exec(message) ?? [];
    if (quantity !== undefined && item !== undefined) {
      return next(variant("order", { quantity: Number(quantity), item }));
    }
    return next(variant(message.endsWith("?") ? "question" : "other", message));
  },
});

const ship = node({
  input: Order,
  output: z.string(),
  run: (_context, { quantity, item }) => next(`${quantity} ${item} on the way`),
});

const answer = node({
  input: z.string(),
  output: z.string(),
  run: (_context, question) => next(`about "${question}": yes`),
});

/** The kind `other` ends the run at once: its value is the result. */
export const inbox = workflow({
  name: "inbox",
  version: 1,
  nodes: { classify, ship, answer },
  start: "classify",
  edges: {
    classify: { on: { order: ["ship"], question: ["answer"], other: [] } },
    ship: [],
    answer: [],
  },
});

await runDirectly(import.meta, async () => {
  for (const message of ["Send 3 kettles", "Do you ship to Peru?", "Thanks!"]) {
    console.log(`${message} -> ${await runLocal(inbox, message)}`);
  }
});
