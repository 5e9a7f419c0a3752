import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  type AnyNode,
  type AnyWorkflow,
  batch,
  eventLog,
  type Fields,
  fixed,
  hold,
  type InitialOf,
  type InputOf,
  latest,
  type Node,
  nested,
  next,
  node,
  type OutputOf,
  split,
  variant,
  variants,
  type WireSchema,
  type Workflow,
  withRetry,
  withTimeout,
  workflow,
} from "../../src/workflows/index.ts";
import {
  audit,
  charge,
  count,
  double,
  Order,
  OrderContext,
  refund,
  show,
  size,
  sum,
  thank,
  validate,
} from "./nodes.ts";

type NoFields = Record<never, never>;

describe("a workflow", () => {
  const order = workflow({
    name: "order",
    version: 1,
    context: OrderContext,
    nodes: {
      validate,
      charge: withRetry(charge, { maxAttempts: 3 }),
      refund,
      size: withTimeout(size, 5_000),
      audit,
      thank,
    },
    start: "validate",
    edges: {
      validate: ["charge"],
      charge: { next: ["size"], onError: ["refund"] },
      refund: ["size"],
      size: { on: { large: ["audit"], small: ["thank"] } },
      audit: [],
      thank: [],
    },
  });

  test("takes what its start takes and gives what its ends give", () => {
    expectTypeOf(order).toEqualTypeOf<
      Workflow<typeof OrderContext, { id: string; item: string; quantity: number }, string>
    >();
    expectTypeOf<InputOf<typeof order>>().toEqualTypeOf<z.input<typeof Order>>();
    expectTypeOf<OutputOf<typeof order>>().toEqualTypeOf<string>();
  });

  test("is started with values of its context fields", () => {
    expectTypeOf<InitialOf<typeof OrderContext>>().toEqualTypeOf<{
      readonly events?: readonly ("validated" | "charged" | "refunded" | "notified")[];
      readonly currency?: "EUR" | "USD";
    }>();
  });

  test("loses its types where the engine takes it", () => {
    expectTypeOf(order).toExtend<AnyWorkflow>();
    expectTypeOf(charge).toExtend<AnyNode>();
  });

  test("gives the payload of an arm that ends the run; a loop is fine", () => {
    const guess = node({
      input: z.number(),
      output: variants({ done: z.string(), again: z.number() }),
      run: (_context, n) => next(n >= 3 ? variant("done", `after ${n}`) : variant("again", n + 1)),
    });
    const loop = workflow({
      name: "loop",
      version: 1,
      nodes: { guess },
      start: "guess",
      edges: { guess: { on: { done: [], again: ["guess"] } } },
    });
    expectTypeOf(loop).toEqualTypeOf<Workflow<NoFields, number, string>>();
  });

  test("gives the union of what several ends give", () => {
    const two = workflow({
      name: "two",
      version: 1,
      nodes: { double, show, sum: batch(double, { size: 2 }), count },
      start: "double",
      edges: { double: ["show", "count"], show: [], count: { join: "sum" }, sum: { next: [] } },
    });
    expectTypeOf(two).toEqualTypeOf<Workflow<NoFields, number, string | number[]>>();
  });

  test("holds a workflow as a node, and the same node twice", () => {
    const inner = workflow({
      name: "inner",
      version: 1,
      nodes: { first: double, second: double },
      start: "first",
      edges: { first: ["second"], second: [] },
    });
    const outer = workflow({
      name: "outer",
      version: 1,
      nodes: { quadruple: nested(inner), show },
      start: "quadruple",
      edges: { quadruple: ["show"], show: [] },
    });
    expectTypeOf(outer).toEqualTypeOf<Workflow<NoFields, number, string>>();
  });
});

describe("an edge", () => {
  test("is refused where the types do not fit", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { validate, thank },
      context: OrderContext,
      start: "validate",
      // @ts-expect-error the output of 'validate' does not fit the input of 'thank'
      edges: { validate: ["thank"], thank: [] },
    });
  });

  test("is refused where the second target of two does not fit", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { charge, audit, thank },
      context: OrderContext,
      start: "charge",
      // @ts-expect-error the output of 'charge' does not fit the input of 'thank'
      edges: { charge: ["audit", "thank"], audit: [], thank: [] },
    });
  });

  test("is refused where a fallback would want the output of the node that failed", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { charge, audit },
      context: OrderContext,
      start: "charge",
      // @ts-expect-error the input of 'charge' does not fit the input of 'audit'
      edges: { charge: { next: [], onError: ["audit"] }, audit: [] },
    });
  });

  test("is refused where the target is no node", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { audit },
      start: "audit",
      // @ts-expect-error 'nobody' is not assignable to 'audit'
      edges: { audit: ["nobody"] },
    });
  });

  test("is refused where it is missing", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { audit, thank },
      start: "audit",
      // @ts-expect-error property 'thank' is missing
      edges: { audit: ["thank"] },
    });
  });

  test("is refused where it belongs to no node", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { audit },
      start: "audit",
      // @ts-expect-error no node is called 'nobody'
      edges: { audit: [], nobody: [] },
    });
  });

  test("is refused where a variant has no arm", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { size, audit },
      start: "size",
      // @ts-expect-error property 'small' is missing
      edges: { size: { on: { large: ["audit"] } }, audit: [] },
    });
  });

  test("is refused where an arm is for a variant that the node does not give", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { size, audit, thank },
      start: "size",
      edges: {
        // @ts-expect-error 'size' gives no variant 'huge'
        size: { on: { large: ["audit"], small: ["thank"], huge: ["audit"] } },
        audit: [],
        thank: [],
      },
    });
  });

  test("is refused where the payload of an arm does not fit", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { size, audit, thank },
      start: "size",
      // @ts-expect-error variant 'large' of 'size' does not fit the input of 'thank'
      edges: { size: { on: { large: ["thank"], small: ["thank"] } }, audit: [], thank: [] },
    });
  });

  test("is refused where it routes on a node that gives no variants", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { audit, thank },
      start: "audit",
      // @ts-expect-error 'audit' gives no variant 'large'
      edges: { audit: { on: { large: ["thank"] } }, thank: [] },
    });
  });

  test("is refused where a batch gets what is no array", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { double, many: batch(double, { size: 2 }) },
      start: "double",
      // @ts-expect-error the output of 'double' does not fit the input of 'many'
      edges: { double: ["many"], many: [] },
    });
  });

  test("is refused where it has a key that is none", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { count, sum },
      start: "count",
      // @ts-expect-error the edges of 'count' cannot have 'onErorr'
      edges: { count: { join: "sum", onErorr: ["count"] }, sum: [] },
    });
  });

  test("is refused where it leads two ways at once", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { count, sum },
      start: "count",
      // @ts-expect-error the edges of 'count' go one way: next, join or on
      edges: { count: { next: [], join: "sum" }, sum: [] },
    });
  });
});

describe("a join", () => {
  test("hands the collected values to a target that takes an array of them", () => {
    const total = workflow({
      name: "total",
      version: 1,
      nodes: { count, double, sum, show },
      start: "count",
      edges: { count: ["double"], double: { join: "sum" }, sum: ["show"], show: [] },
    });
    expectTypeOf(total).toEqualTypeOf<Workflow<NoFields, number, string>>();
  });

  test("takes a batch for its target", () => {
    const all = workflow({
      name: "all",
      version: 1,
      nodes: { count, many: batch(double, { size: 2 }) },
      start: "count",
      edges: { count: { join: "many" }, many: [] },
    });
    expectTypeOf(all).toEqualTypeOf<Workflow<NoFields, number, number[]>>();
  });

  test("collects the payload of a variant", () => {
    const bill = node({
      input: z.array(z.string()),
      output: z.string(),
      run: (_context, ids) => next(ids.join()),
    });
    workflow({
      name: "x",
      version: 1,
      nodes: { size, audit, bill },
      start: "size",
      edges: { size: { on: { large: ["audit"], small: { join: "bill" } } }, audit: [], bill: [] },
    });
    workflow({
      name: "x",
      version: 1,
      nodes: { size, audit, bill },
      start: "size",
      edges: {
        // @ts-expect-error the collected variant 'large' of 'size' does not fit the input of 'bill'
        size: { on: { large: { join: "bill" }, small: { join: "bill" } } },
        audit: [],
        bill: [],
      },
    });
  });

  test("is refused where the target takes one value", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { count, double },
      start: "count",
      // @ts-expect-error the collected output of 'count' does not fit the input of 'double'
      edges: { count: { join: "double" }, double: [] },
    });
  });

  test("is refused where the target takes an array of something else", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { thank, sum },
      start: "thank",
      // @ts-expect-error the collected output of 'thank' does not fit the input of 'sum'
      edges: { thank: { join: "sum" }, sum: [] },
    });
  });

  test("is refused where the target is no node", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { count, sum },
      start: "count",
      // @ts-expect-error 'nobody' is not assignable to 'count' or 'sum'
      edges: { count: { join: "nobody" }, sum: [] },
    });
  });

  test("has a fallback that gets the input", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { double, sum, show },
      start: "double",
      edges: { double: { join: "sum", onError: ["show"] }, sum: [], show: [] },
    });
    workflow({
      name: "x",
      version: 1,
      nodes: { double, sum, thank },
      start: "double",
      // @ts-expect-error the input of 'double' does not fit the input of 'thank'
      edges: { double: { join: "sum", onError: ["thank"] }, sum: [], thank: [] },
    });
  });
});

describe("a start", () => {
  test("is refused where it is no node", () => {
    workflow({
      name: "x",
      version: 1,
      nodes: { audit },
      edges: { audit: [] },
      // @ts-expect-error 'nobody' is not assignable to 'audit'
      start: "nobody",
    });
  });
});

describe("a context", () => {
  test("is refused where a node needs what it does not have", () => {
    workflow({
      name: "x",
      version: 1,
      start: "refund",
      edges: { refund: [] },
      // @ts-expect-error 'refund' needs context fields that the workflow does not have
      nodes: { refund },
    });
  });

  test("is refused where a node needs a field with other values", () => {
    workflow({
      name: "x",
      version: 1,
      context: { events: eventLog<number>(), currency: fixed<"EUR" | "USD">() },
      start: "refund",
      edges: { refund: [] },
      // @ts-expect-error 'refund' needs context fields that the workflow does not have
      nodes: { refund },
    });
  });

  test("has no field with a name that every node's context has", () => {
    node({
      // @ts-expect-error a context field may not be called 'signal'
      context: { signal: latest<string>() },
      input: z.string(),
      output: z.string(),
      run: (_context, text) => next(text),
    });
    workflow({
      name: "x",
      version: 1,
      // @ts-expect-error a context field may not be called 'run'
      context: { run: latest<string>() },
      nodes: { audit },
      start: "audit",
      edges: { audit: [] },
    });
  });

  test("has no field whose values JSON would change", () => {
    // @ts-expect-error JSON would change the values of this context field
    ({ since: latest<Date>() }) satisfies Fields;
    ({ since: latest<{ at: string; tags: string[] } | null>() }) satisfies Fields;
  });

  test("types the handles that node code gets", () => {
    node({
      context: OrderContext,
      input: Order,
      output: Order,
      run: (context, order) => {
        // @ts-expect-error "no-such-event" is not an event
        context.events.append("no-such-event");
        expectTypeOf(context.currency.get()).toEqualTypeOf<"EUR" | "USD">();
        expectTypeOf(context.attempt).toEqualTypeOf<number>();
        // @ts-expect-error there is no such field
        context.nothing;
        return next(order);
      },
    });
  });
});

describe("a node", () => {
  test("is refused where it gives what its output schema does not allow", () => {
    node({
      input: z.number(),
      output: z.string(),
      // @ts-expect-error number is not assignable to string
      run: (_context, n) => next(n),
    });
  });

  test("is refused where JSON would change its output", () => {
    node({
      input: z.string(),
      // @ts-expect-error JSON would change this value: a Date arrives as a string
      output: z.object({ at: z.date() }),
      run: (_context, text) => next({ at: new Date(text) }),
    });
    split({
      input: z.string(),
      // @ts-expect-error JSON would change this value: a bigint has no JSON form
      output: z.bigint(),
      into: () => [],
    });
  });

  test("is refused where its output may be undefined", () => {
    // @ts-expect-error JSON has no undefined
    node({ input: z.string(), output: z.string().optional(), run: () => next(undefined) });
    node({ input: z.string(), output: z.string().nullable(), run: () => next(null) });
  });

  test("gives the wire form where its schema transforms", () => {
    const Day = z.iso.date().transform((text) => new Date(text));
    const later = node({
      input: Day,
      output: Day,
      run: (_context, day) => {
        expectTypeOf(day).toEqualTypeOf<Date>();
        return next("2026-01-01");
      },
    });
    expectTypeOf<InputOf<typeof later>>().toEqualTypeOf<string>();
    expectTypeOf<OutputOf<typeof later>>().toEqualTypeOf<string>();
  });

  test("gives unknown and recursive JSON", () => {
    node({ input: z.unknown(), output: z.unknown(), run: (_context, value) => next(value) });
    node({ input: z.json(), output: z.json(), run: (_context, value) => next(value) });
  });
});

describe("a node of any type", () => {
  test("is made by a function that takes a schema of what nodes may give", () => {
    function pass<T>(schema: WireSchema<T, T>): Node<NoFields, T, T> {
      return node({ input: schema, output: schema, run: (_context, value) => next(value) });
    }
    expectTypeOf<OutputOf<ReturnType<typeof pass<string>>>>().toEqualTypeOf<string>();
    const passed = pass(z.object({ id: z.string() }));
    expectTypeOf<InputOf<typeof passed>>().toEqualTypeOf<{ id: string }>();
    // @ts-expect-error JSON would change this value: a Date arrives as a string
    pass(z.date());
  });
});

describe("a signal", () => {
  const Decision = z.object({ approved: z.boolean() });

  test("wakes a node with the payload that its schema gives", () => {
    node({
      input: z.string(),
      output: z.boolean(),
      signals: { approval: Decision, note: z.string().transform((text) => text.length) },
      run: ({ wake }) => {
        if (wake === null) return hold({ for: "approval", timeoutMs: 1_000 });
        if (wake.type === "timeout") {
          expectTypeOf(wake.name).toEqualTypeOf<string | null>();
          return next(false);
        }
        expectTypeOf(wake.name).toEqualTypeOf<"approval" | "note">();
        if (wake.name === "note") {
          expectTypeOf(wake.payload).toEqualTypeOf<number>();
          return hold({ for: "approval" });
        }
        expectTypeOf(wake.payload).toEqualTypeOf<{ approved: boolean }>();
        // @ts-expect-error there is no such payload
        wake.payload.refused;
        return next(wake.payload.approved);
      },
    });
  });

  test("that is not declared has an unknown payload", () => {
    node({
      input: z.string(),
      output: z.string(),
      run: ({ wake }, text) => {
        if (wake?.type !== "signal") return hold({ for: "anything" });
        expectTypeOf(wake.payload).toEqualTypeOf<unknown>();
        expectTypeOf(wake.name).toEqualTypeOf<string>();
        return next(text);
      },
    });
  });

  test("or a time is needed to hold for", () => {
    // @ts-expect-error a wait is for a signal, a time, or both
    expectTypeOf(hold).toBeCallableWith({});
    expectTypeOf(hold).toBeCallableWith({ timeoutMs: 10 });
    expectTypeOf(hold).toBeCallableWith({ for: "approval" });
  });
});
