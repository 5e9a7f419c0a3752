// What the nodes of a run share are fields that merge, so parallel nodes cannot overwrite each other. An `eventLog` keeps
// events and folds them into a state; `field` makes one with a merge of your own.

import { z } from "zod";
import { eventLog, field, next, node, runLocal, split, workflow } from "../src/index.ts";
import { runDirectly } from "./support/run-directly.ts";

const Booking = z.object({ account: z.string(), cents: z.number().int() });
type Booking = z.infer<typeof Booking>;

const Range = z.object({ min: z.number(), max: z.number() }).nullable();
type Range = z.infer<typeof Range>;

/** A monoid: `null` is the empty value, and the order of merging makes no difference. */
const range = field<Range>({
  empty: null,
  merge: (left, right) => {
    if (left === null || right === null) return left ?? right;
    return { min: Math.min(left.min, right.min), max: Math.max(left.max, right.max) };
  },
  schema: Range,
  kind: "range",
});

const Ledger = { bookings: eventLog(Booking), range };

const each = split({ input: z.array(Booking), output: Booking, into: (bookings) => bookings });

const book = node({
  context: Ledger,
  input: Booking,
  output: z.string(),
  run: (context, booking) => {
    const { account, cents } = booking;
    context.bookings.append(booking);
    context.range.merge({ min: cents, max: cents });
    return next(account);
  },
});

const balances = (state: Readonly<Record<string, number>>, { account, cents }: Booking) => ({
  ...state,
  [account]: (state[account] ?? 0) + cents,
});

const report = node({
  context: Ledger,
  input: z.array(z.string()),
  output: z.object({
    balances: z.record(z.string(), z.number()),
    range: Range,
    accounts: z.number(),
  }),
  run: (context, accounts) =>
    next({
      balances: context.bookings.fold(balances, {}),
      range: context.range.get(),
      accounts: new Set(accounts).size,
    }),
});

export const ledger = workflow({
  name: "ledger",
  version: 1,
  context: Ledger,
  nodes: { each, book, report },
  start: "each",
  edges: { each: ["book"], book: { join: "report" }, report: [] },
});

await runDirectly(import.meta, async () => {
  const bookings = [
    { account: "cash", cents: 10_000 },
    { account: "rent", cents: 70_000 },
    { account: "cash", cents: -2_550 },
  ];
  // A run may begin with events, as it may with any field.
  const context = { bookings: [{ account: "cash", cents: 1_000 }] };
  console.log(await runLocal(ledger, bookings, { context }));
});
