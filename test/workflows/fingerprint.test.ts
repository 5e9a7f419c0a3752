import { describe, expect, test } from "vitest";
import {
  counter,
  fingerprintOf,
  latest,
  WorkflowRegistry,
  withRetry,
  withTimeout,
  workflow,
} from "../../src/workflows/index.ts";
import { count, double, sum } from "./nodes.ts";

const shape = {
  name: "x",
  version: 1,
  start: "a",
  context: { seen: counter(), note: latest() },
  nodes: { a: double, b: double },
  edges: { a: ["b"], b: [] },
} as const;

describe("a fingerprint", () => {
  const known = fingerprintOf(shape);

  test("is sixteen hexadecimal digits, the same in each process", () => {
    expect(known).toBe("4ced0c6f9cc91685");
  });

  test("is the same whatever the order of keys, the form of edges and the policies", () => {
    expect(
      fingerprintOf({
        edges: { b: { next: [] }, a: { next: ["b"] } },
        nodes: { b: withTimeout(withRetry(double, { maxAttempts: 3 }), 5), a: double },
        context: { note: latest(), seen: counter() },
        start: "a",
        version: 1,
        name: "x",
      }),
    ).toBe(known);
  });

  test.each([
    { what: "the name", change: { name: "y" } },
    { what: "the version", change: { version: 2 } },
    { what: "the start", change: { start: "b" } },
    { what: "the kind of a node", change: { nodes: { a: count, b: double } } },
    { what: "the name of a node", change: { nodes: { a: double, c: double } } },
    { what: "a target", change: { edges: { a: [], b: ["a"] } } },
    { what: "a join", change: { edges: { a: { join: "b" }, b: [] } } },
    { what: "a variant", change: { edges: { a: { on: { "": ["b"] } }, b: [] } } },
    { what: "a fallback", change: { edges: { a: { next: ["b"], onError: ["b"] }, b: [] } } },
    { what: "the number of fields", change: { context: { seen: counter() } } },
    { what: "the kind of a field", change: { context: { seen: counter(), note: counter() } } },
  ])("is another where $what differs", ({ change }) => {
    expect(fingerprintOf({ ...shape, ...change })).not.toBe(known);
  });
});

describe("a registry", () => {
  const make = (name: string, version: number, nodes: "one" | "two" = "one") =>
    nodes === "one"
      ? workflow({ name, version, nodes: { double }, start: "double", edges: { double: [] } })
      : workflow({ name, version, nodes: { sum }, start: "sum", edges: { sum: [] } });
  const [b2, b10, a1] = [make("b", 2), make("b", 10), make("a", 1)];
  const registry = new WorkflowRegistry([b10, b2, a1, make("b", 2)]);

  test("gives the version asked for, else the highest", () => {
    expect(registry.get("b", 2)).toBe(b2);
    expect(registry.get("b")).toBe(b10);
  });

  test("lists names and workflows in order", () => {
    expect(registry.names()).toEqual(["a", "b"]);
    expect(registry.all()).toEqual([a1, b2, b10]);
  });

  test("says what there is where something is not", () => {
    expect(() => registry.get("c")).toThrow('there is no workflow "c"; there is "a", "b"');
    expect(() => registry.get("c", 1)).toThrow('there is no workflow "c"; there is "a", "b"');
    expect(() => registry.get("b", 3)).toThrow(
      'there is no version 3 of workflow "b"; there is 2, 10',
    );
    expect(() => new WorkflowRegistry([]).get("a")).toThrow("there is none");
    expect(() => registry.get("b", 3)).toThrow(
      expect.objectContaining({ code: "not_found", details: { workflow: "b", version: 3 } }),
    );
  });

  test("refuses two graphs of one name and version", () => {
    expect(() => new WorkflowRegistry([a1, make("a", 1, "two")])).toThrow(
      expect.objectContaining({ code: "fingerprint" }),
    );
  });
});
