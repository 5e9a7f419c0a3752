import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AnyNode,
  type AnyWorkflow,
  type Emission,
  next,
  nextAll,
  route,
  routeError,
  variant,
  workflow,
} from "../../src/workflows/index.ts";
import { audit, count, double, size, sum, thank } from "./nodes.ts";

/** A graph for routing alone: nodes that do not fit each other will do. */
function graph(
  start: string,
  edges: Record<string, unknown>,
  kinds: Record<string, AnyNode> = {},
): AnyWorkflow {
  const nodes = Object.fromEntries(Object.keys(edges).map((name) => [name, kinds[name] ?? double]));
  type Spec = Parameters<typeof workflow>[0];
  return workflow({ name: "x", version: 1, nodes, start, edges } as unknown as Spec);
}

const emitted = (transition: unknown): Emission<unknown> => transition as Emission<unknown>;

describe("route", () => {
  const wide = graph("a", { a: ["b", "c"], b: [], c: { next: [], onError: ["b"] } });

  test("gives one value to one target without a fork", () => {
    const line = graph("a", { a: ["b"], b: [] });
    expect(route(line, "a", emitted(next(1)))).toEqual({
      forks: false,
      successors: [{ type: "item", node: "b", input: 1 }],
      emptyJoins: [],
    });
  });

  test("gives a value at an end to the run", () => {
    expect(route(wide, "b", emitted(next({ a: 1 })))).toEqual({
      forks: false,
      successors: [{ type: "end", value: { a: 1 } }],
      emptyJoins: [],
    });
    expect(route(wide, "b", emitted(nextAll([1, 2])))).toMatchObject({
      forks: true,
      successors: [
        { type: "end", value: 1 },
        { type: "end", value: 2 },
      ],
    });
  });

  test("gives each value to each target, value by value, and forks", () => {
    expect(route(wide, "a", emitted(next(1)))).toMatchObject({
      forks: true,
      successors: [
        { type: "item", node: "b", input: 1 },
        { type: "item", node: "c", input: 1 },
      ],
    });
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const { forks, successors } = route(wide, "a", emitted(nextAll(values)));
        expect(forks).toBe(true);
        expect(successors).toEqual(
          values.flatMap((input) => ["b", "c"].map((node) => ({ type: "item", node, input }))),
        );
      }),
    );
  });

  test("gives each value to a join, and forks only by nextAll", () => {
    const joined = graph("a", { a: { join: "b" }, b: [] });
    expect(route(joined, "a", emitted(next(1)))).toEqual({
      forks: false,
      successors: [{ type: "join", node: "b", value: 1 }],
      emptyJoins: [],
    });
    expect(route(joined, "a", emitted(nextAll([])))).toEqual({
      forks: true,
      successors: [],
      emptyJoins: ["b"],
    });
    expect(route(joined, "a", emitted(nextAll([1])))).toMatchObject({
      forks: true,
      successors: [{ type: "join", node: "b", value: 1 }],
    });
  });

  test("takes the arm of a variant, and unwraps its value", () => {
    const byKind = graph(
      "size",
      {
        size: { on: { large: ["audit", "thank"], small: { join: "sum" } } },
        audit: { join: "total" },
        thank: [],
        sum: [],
        total: [],
      },
      { size, audit, thank, sum },
    );
    expect(route(byKind, "size", emitted(next(variant("large", 5))))).toEqual({
      forks: true,
      successors: [
        { type: "item", node: "audit", input: 5 },
        { type: "item", node: "thank", input: 5 },
      ],
      // "sum" closes no fork that "large" opens.
      emptyJoins: ["total"],
    });
    expect(route(byKind, "size", emitted(next(variant("small", 5))))).toEqual({
      forks: false,
      successors: [{ type: "join", node: "sum", value: 5 }],
      emptyJoins: [],
    });
    expect(
      route(byKind, "size", emitted(nextAll([variant("small", 1), variant("large", 2)]))),
    ).toEqual({
      forks: true,
      successors: [
        { type: "join", node: "sum", value: 1 },
        { type: "item", node: "audit", input: 2 },
        { type: "item", node: "thank", input: 2 },
      ],
      emptyJoins: ["sum", "total"],
    });
  });

  test("refuses a variant without an arm, and what is none", () => {
    const byKind = graph("a", { a: { on: { large: [], small: [] } } }, { a: size });
    for (const value of [variant("constructor", 1), 1, null, { kind: 1, value: 2 }]) {
      expect(() => route(byKind, "a", emitted(next(value)))).toThrow(
        expect.objectContaining({
          code: "validation",
          message: expect.stringContaining('its edges are for "large", "small"'),
          details: { direction: "output", node: "a" },
        }),
      );
    }
  });

  test.each([undefined, () => 1, Symbol("x"), 1n])(
    "refuses a value without a JSON form",
    (value) => {
      expect(() => route(wide, "b", emitted(next(value)))).toThrow(/cannot be written as JSON/);
    },
  );

  test("refuses a node that the workflow does not have", () => {
    expect(() => route(wide, "toString", emitted(next(1)))).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
  });
});

describe("routeError", () => {
  test("gives the input to each target, or null where there is none", () => {
    const falls = graph("a", {
      a: { next: [], onError: ["b", "c"] },
      b: { join: "d" },
      c: { next: [], onError: ["d"] },
      d: [],
    });
    expect(routeError(falls, "a", "in")).toEqual({
      forks: true,
      successors: [
        { type: "item", node: "b", input: "in" },
        { type: "item", node: "c", input: "in" },
      ],
      emptyJoins: ["d"],
    });
    expect(routeError(falls, "c", "in")).toEqual({
      forks: false,
      successors: [{ type: "item", node: "d", input: "in" }],
      emptyJoins: [],
    });
    expect(routeError(falls, "d", "in")).toBeNull();
  });
});

describe("the joins that a fork may leave empty", () => {
  const emptyJoins = (made: AnyWorkflow, node: string): readonly string[] =>
    route(made, node, emitted(nextAll([]))).emptyJoins;

  test("are those that close it, however far away", () => {
    const made = graph("a", { a: ["b"], b: ["c"], c: { join: "d" }, d: [] });
    expect(emptyJoins(made, "a")).toEqual(["d"]);
    expect(emptyJoins(made, "d")).toEqual([]);
  });

  test("are not those that close a fork inside it", () => {
    const made = graph(
      "outer",
      {
        outer: ["inner"],
        inner: ["work"],
        work: { join: "small" },
        small: { join: "large" },
        large: [],
      },
      { outer: count, inner: count },
    );
    expect(emptyJoins(made, "outer")).toEqual(["large"]);
    expect(emptyJoins(made, "inner")).toEqual(["small"]);
  });

  test("see a fork in several targets, and one that a split joins at once", () => {
    const made = graph(
      "a",
      {
        a: ["b"],
        b: ["c", "d"],
        c: { join: "e" },
        d: { join: "e" },
        e: ["parts"],
        parts: { join: "f" },
        f: { join: "g" },
        g: [],
      },
      { parts: count },
    );
    expect(emptyJoins(made, "a")).toEqual(["g"]);
    expect(emptyJoins(made, "b")).toEqual(["e"]);
    expect(emptyJoins(made, "parts")).toEqual(["f"]);
  });

  test("are several where variants part, and none beyond onError", () => {
    const made = graph(
      "a",
      {
        a: ["b"],
        b: { on: { large: { join: "c" }, small: { join: "d" } }, onError: ["e"] },
        c: [],
        d: [],
        e: { join: "f" },
        f: [],
      },
      { b: size },
    );
    expect(emptyJoins(made, "a")).toEqual(["c", "d"]);
  });

  test("are found in loops, also where each round forks again", () => {
    const made = graph(
      "a",
      { a: ["b"], b: { on: { large: ["parts"], small: { join: "c" } } }, parts: ["b"], c: [] },
      { b: size, parts: count },
    );
    expect(emptyJoins(made, "a")).toEqual(["c"]);
  });
});
