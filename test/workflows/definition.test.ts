import { describe, expect, test } from "vitest";
import { z } from "zod";
import { FloxideError } from "../../src/core/errors.ts";
import {
  counter,
  latest,
  nested,
  next,
  node,
  policyOf,
  RESERVED_NAMES,
  withRetry,
  withTimeout,
  workflow,
} from "../../src/workflows/index.ts";
import { audit, charge, double, OrderContext, refund, size, thank } from "./nodes.ts";

type Spec = Parameters<typeof workflow>[0];

/** What is wrong with a workflow that types would refuse, as a caller without types may give it. */
function problemsOf(spec: Record<string, unknown>): readonly string[] {
  try {
    workflow({ name: "x", version: 1, start: "a", ...spec } as unknown as Spec);
  } catch (error) {
    if (!(error instanceof FloxideError) || error.code !== "definition") throw error;
    for (const problem of error.details["problems"] as string[]) {
      expect(error.message).toContain(`\n- ${problem}`);
    }
    return error.details["problems"] as string[];
  }
  return [];
}

const ab = { a: double, b: double };

describe("a workflow", () => {
  test("is frozen, and shares nothing that its author could change", () => {
    const edges = { a: ["b"], b: [] } as { a: "b"[]; b: "a"[] };
    const made = workflow({ name: "x", version: 1, nodes: ab, start: "a", edges });
    edges.b.push("a");
    expect(made.edges).toEqual({ a: ["b"], b: [] });
    expect(Object.isFrozen(made)).toBe(true);
    expect(Object.isFrozen(made.nodes)).toBe(true);
    expect(Object.isFrozen(made.edges["a"])).toBe(true);
    expect(made).toMatchObject({ description: null, retry: null, timeoutMs: null, context: {} });
  });

  test("may loop", () => {
    expect(
      problemsOf({ nodes: { a: size }, edges: { a: { on: { large: ["a"], small: [] } } } }),
    ).toEqual([]);
  });

  test("may be reached only on error, or by a join", () => {
    const edges = { a: { join: "b", onError: ["c"] }, b: [], c: [] };
    expect(problemsOf({ nodes: { ...ab, c: double }, edges })).toEqual([]);
  });

  test("is refused with all that is wrong, at once", () => {
    expect(
      problemsOf({
        name: "not safe",
        version: 0,
        start: "nobody",
        retry: { maxAttempts: 0 },
        timeoutMs: 0,
        context: { "a field": counter(), signal: latest(), other: {} },
        nodes: { "a.b": withTimeout(double, -1), lost: double, none: {} },
        edges: { "a.b": ["c", "lost", "lost"], extra: [], lost: [] },
      }),
    ).toEqual([
      'the name "not safe" of the workflow must be 1 to 64 letters, digits, _ or -',
      "the version must be a whole number of 1 or more, it is 0",
      'the start "nobody" is no node',
      'the name "a field" of a context field must be 1 to 64 letters, digits, _ or -',
      `a context field may not be called "signal": each node's context has that already`,
      'context field "other" is not one: use fixed, latest, counter, set, eventLog or field',
      'the name "a.b" of a node must be 1 to 64 letters, digits, _ or -',
      'node "a.b": timeoutMs must be 1 to 2147483647 milliseconds, it is -1',
      'node "none" is not one: use node, split, batch or nested',
      'the edges of node "a.b" lead to "c", which is no node',
      'the edges of node "a.b" lead to "lost" more than once',
      'node "none" has no entry in edges; give it [] where the run ends there',
      'edges has an entry for "extra", which is no node',
      "timeoutMs must be 1 to 2147483647 milliseconds, it is 0",
      expect.stringContaining("retry.maxAttempts: "),
    ]);
  });

  test("is refused without nodes", () => {
    expect(problemsOf({ nodes: {}, edges: {} })).toEqual(["there are no nodes"]);
  });

  test.each(["__proto__", "", "a".repeat(65), "ä"])(
    "is refused where a node is called %j",
    (name) => {
      const nodes = { a: double, ...JSON.parse(`{${JSON.stringify(name)}: null}`) };
      expect(problemsOf({ nodes, edges: { a: [] } })).toContainEqual(
        `the name "${name}" of a node must be 1 to 64 letters, digits, _ or -`,
      );
    },
  );

  test.each(["1.5", Number.NaN, 1.5, -1, "1"])("is refused with the version %s", (version) => {
    expect(problemsOf({ version, nodes: { a: double }, edges: { a: [] } })).toHaveLength(1);
  });

  test("is refused where a node cannot be reached", () => {
    expect(problemsOf({ nodes: ab, edges: { a: [], b: ["b"] } })).toEqual([
      'node "b" cannot be reached from "a"',
    ]);
  });

  test("is refused where no end can be reached", () => {
    expect(problemsOf({ nodes: ab, edges: { a: ["b"], b: ["a"] } })).toEqual([
      'no end can be reached from "a": give some node the edges []',
    ]);
  });

  test.each([
    [null, "must be a list of names"],
    ["b", "must be a list of names"],
    [[1], "must be a list of names"],
    [{}, "must be a list of names"],
    [{ next: [], join: "b" }, "must be a list of names"],
    [{ next: [], onFailure: ["b"] }, "must be a list of names"],
    [{ next: "b" }, "have a next that is not a list of names"],
    [{ join: ["b"] }, "have a join that is not a name"],
    [{ on: [] }, "have an on whose arms"],
    [{ on: { large: "b" } }, "have an on whose arms"],
    [{ on: { large: { join: "b", next: [] } } }, "have an on whose arms"],
    [{ next: [], onError: [] }, "have an onError that is not a list of at least one name"],
    [{ on: {} }, "have an on without arms"],
  ])("is refused with the edges %j", (edge, problem) => {
    expect(problemsOf({ nodes: ab, edges: { a: edge, b: [] } })).toEqual([
      expect.stringContaining(`the edges of node "a" ${problem}`),
    ]);
  });

  test("is refused where edges lead nowhere, whatever their form", () => {
    const nodes = { a: size, b: audit };
    expect(
      problemsOf({
        nodes,
        edges: { a: { on: { large: ["c"], small: { join: "toString" } } }, b: [] },
      }),
    ).toEqual([
      'the edges of variant "large" of node "a" lead to "c", which is no node',
      'the edges of variant "small" of node "a" lead to "toString", which is no node',
    ]);
    expect(problemsOf({ nodes, edges: { a: ["b"], b: { next: [], onError: ["c"] } } })).toEqual([
      'the onError edges of node "b" lead to "c", which is no node',
    ]);
  });

  test("is refused where arms and variants differ", () => {
    const edges = { a: { on: { large: ["b"], huge: ["b"] } }, b: [] };
    expect(problemsOf({ nodes: { a: size, b: audit }, edges })).toEqual([
      'the edges of node "a" have no arm for variant "small"',
      'the edges of node "a" have an arm for "huge", a variant that it does not give',
    ]);
    // A schema that does not say its kinds is left to the types.
    const own = node({
      input: z.unknown(),
      output: z.object({ kind: z.literal("huge"), value: z.number() }),
      run: () => next({ kind: "huge" as const, value: 1 }),
    });
    expect(problemsOf({ nodes: { a: own }, edges: { a: { on: { huge: [] } } } })).toEqual([]);
  });

  test("is refused where a node needs context that it does not have", () => {
    const context = { events: counter() };
    expect(problemsOf({ context, nodes: { a: refund }, edges: { a: [] } })).toEqual([
      'node "a" needs the context field "events" of kind eventLog; the workflow\'s is of kind counter',
      'node "a" needs the context field "currency", which the workflow does not have',
    ]);
  });

  test("is refused where an inner node waits for signals", () => {
    const waiting = node({
      input: z.number(),
      output: z.number(),
      signals: { approval: z.string() },
      run: (_context, n) => next(n),
    });
    const inner = workflow({
      name: "inner",
      version: 1,
      nodes: { waiting },
      start: "waiting",
      edges: { waiting: [] },
    });
    expect(problemsOf({ nodes: { a: nested(inner) }, edges: { a: [] } })).toEqual([
      'node "a": node "waiting" of the nested workflow "inner" waits for signals, which it cannot there',
    ]);
  });

  test("has reserved names for what each node's context has", () => {
    expect(RESERVED_NAMES).toEqual(
      expect.arrayContaining([
        "run",
        "node",
        "item",
        "attempt",
        "signal",
        "deadline",
        "log",
        "wake",
      ]),
    );
  });
});

describe("the policy of a node", () => {
  const made = workflow({
    name: "order",
    version: 1,
    context: OrderContext,
    description: "takes orders",
    retry: { maxAttempts: 5 },
    timeoutMs: 1_000,
    nodes: {
      charge: withRetry(charge, { maxAttempts: 2 }),
      size: withTimeout(size, 5),
      audit,
      thank,
    },
    start: "charge",
    edges: {
      charge: ["size"],
      size: { on: { large: ["audit"], small: ["thank"] } },
      audit: [],
      thank: [],
    },
  });

  test("is its own, else the workflow's, each part for itself", () => {
    expect(made.description).toBe("takes orders");
    expect(policyOf(made, "charge")).toMatchObject({ retry: { maxAttempts: 2 }, timeoutMs: 1_000 });
    expect(policyOf(made, "size")).toMatchObject({ retry: { maxAttempts: 5 }, timeoutMs: 5 });
    expect(policyOf(made, "audit")).toMatchObject({ retry: { maxAttempts: 5 }, timeoutMs: 1_000 });
  });

  test("is not found for what is no node", () => {
    expect(() => policyOf(made, "constructor")).toThrow(
      'workflow "order" version 1 has no node "constructor"; it has "charge", "size", "audit", "thank"',
    );
  });
});
