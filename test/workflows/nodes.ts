import { z } from "zod";
import {
  abort,
  eventLog,
  type Fields,
  fixed,
  hold,
  next,
  node,
  split,
  variant,
  variants,
} from "../../src/workflows/index.ts";

// Nodes that several tests put into workflows.

export const Order = z.object({ id: z.string(), item: z.string(), quantity: z.number().int() });
const Receipt = z.object({ id: z.string(), charged: z.number() });
const OrderEvent = z.enum(["validated", "charged", "refunded", "notified"]);

export const OrderContext = {
  events: eventLog(OrderEvent),
  currency: fixed<"EUR" | "USD">(),
} satisfies Fields;

export const validate = node({
  context: OrderContext,
  input: Order,
  output: Order,
  run: (context, order) => {
    if (order.quantity === 0) return abort("quantity is zero");
    context.events.append("validated");
    return next(order);
  },
});

export const charge = node({
  context: OrderContext,
  input: Order,
  output: Receipt,
  run: async (context, order) => {
    if (order.item === "no-card") throw new Error("card declined");
    context.events.append("charged");
    return next({ id: order.id, charged: order.quantity * 10 });
  },
});

export const refund = node({
  context: OrderContext,
  input: Order,
  output: Receipt,
  run: (context, order) => {
    context.events.append("refunded");
    return next({ id: order.id, charged: 0 });
  },
});

export const size = node({
  input: Receipt,
  output: variants({ large: Receipt, small: z.string() }),
  run: (_context, receipt) =>
    receipt.charged > 50 ? next(variant("large", receipt)) : next(variant("small", receipt.id)),
});

export const audit = node({
  input: Receipt,
  output: z.string(),
  run: (_context, receipt) => next(`audited ${receipt.id}`),
});

export const thank = node({
  input: z.string(),
  output: z.string(),
  run: (_context, id) => next(`thanks ${id}`),
});

/** One number into that many numbers: 3 gives 0, 1, 2. */
export const count = split({
  input: z.number(),
  output: z.number(),
  into: (n) => Array.from({ length: n }, (_, index) => index),
});

export const double = node({
  input: z.number(),
  output: z.number(),
  run: (_context, n) => next(n * 2),
});

export const sum = node({
  input: z.array(z.number()),
  output: z.number(),
  run: (_context, numbers) => next(numbers.reduce((a, b) => a + b, 0)),
});

export const show = node({
  input: z.number(),
  output: z.string(),
  run: (_context, n) => next(String(n)),
});

/** Ends every item that it gets. */
export const swallow = node({ input: z.number(), output: z.number(), run: () => hold() });
