// What a node cannot do, another one does: `onError` targets get the input of the node that failed.

import { z } from "zod";
import { abort, next, node, runLocal, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Wanted = z.object({ item: z.string(), quantity: z.number().int().positive() });
const Price = Wanted.extend({ cents: z.number(), source: z.enum(["market", "list"]) });

const MARKET = new Map([
  ["tea", 310],
  ["coffee", 495],
]);
const LIST = new Map([
  ["tea", 350],
  ["coffee", 520],
  ["cocoa", 280],
]);

/** `abort` fails the attempt, as throwing does. Without a retry policy the first failure is final. */
const market = node({
  input: Wanted,
  output: Price,
  run: (_context, wanted) => {
    const cents = MARKET.get(wanted.item);
    if (cents === undefined) return abort(`the market has no price for ${wanted.item}`);
    return next({ ...wanted, cents, source: "market" });
  },
});

const list = node({
  input: Wanted,
  output: Price,
  run: (_context, wanted) => {
    const cents = LIST.get(wanted.item);
    if (cents === undefined) throw new Error(`nobody knows a price for ${wanted.item}`);
    return next({ ...wanted, cents, source: "list" });
  },
});

const total = node({
  input: Price,
  output: z.object({ cents: z.number(), source: z.string() }),
  run: (_context, { quantity, cents, source }) => next({ cents: cents * quantity, source }),
});

/** Where the fallback fails as well, and has none of its own, the run fails. */
export const quote = workflow({
  name: "quote",
  version: 1,
  nodes: { market, list, total },
  start: "market",
  edges: { market: { next: ["total"], onError: ["list"] }, list: ["total"], total: [] },
});

await runDirectly(import.meta, async () => {
  console.log("tea:  ", await runLocal(quote, { item: "tea", quantity: 2 }));
  console.log("cocoa:", await runLocal(quote, { item: "cocoa", quantity: 2 }));
  await runLocal(quote, { item: "salt", quantity: 2 }).catch((error: Error) => {
    console.log("salt: ", error.message);
  });
});
