import fc from "fast-check";
import { z } from "zod";
import { describeWorkflow } from "../../../src/service/describe-workflow.ts";
import {
  batch,
  counter,
  field,
  fixed,
  nested,
  node,
  split,
  toDot,
  toMermaid,
  workflow,
} from "../../../src/workflows/index.ts";
import { demand, door, judged } from "../door.ts";
import { fields, objects } from "../hostile.ts";

const NODE = { input: z.number(), output: z.number(), run: () => ({ type: "next", value: 1 }) };
const one = node(NODE as never);
const GRAPH = { name: "w", version: 1, nodes: { one }, start: "one", edges: { one: [] } };
const inner = workflow(GRAPH as never);

type Case = readonly [what: string, make: () => unknown];

const nodes = fields(
  ["input", "output", "run", "context", "signals", "retry", "timeoutMs", "description"],
  NODE,
);
const retries = fields(
  ["maxAttempts", "initialMs", "maxMs", "backoff", "jitter", "retryOn", "nonsense"],
  { maxAttempts: 2 },
);
const edges = fields(["next", "join", "on", "onError", "nonsense"], { next: ["one"] });

/** A spec of which some part is wrong. */
const graphs = fc.oneof(
  fields(
    ["name", "version", "nodes", "start", "edges", "context", "retry", "timeoutMs", "description"],
    GRAPH,
  ),
  nodes.map((spec) => ({ ...GRAPH, nodes: { one: lazily(() => node(spec as never)) } })),
  retries.map((retry) => ({ ...GRAPH, retry })),
  edges.map((edge) => ({ ...GRAPH, edges: { one: edge } })),
  objects.map(({ value }) => ({ ...GRAPH, edges: { one: value } })),
  objects.map(({ value }) => ({ ...GRAPH, nodes: { one: value } })),
  objects.map(({ value }) => ({ ...GRAPH, context: { some: value } })),
);

/** What a builder gives, or what is no node where it refuses: `workflow` must say so. */
function lazily(make: () => unknown): unknown {
  try {
    return make();
  } catch {
    return null;
  }
}

const cases: fc.Arbitrary<Case> = fc.oneof(
  { weight: 6, arbitrary: graphs.map((spec): Case => ["workflow", () => use(spec)]) },
  {
    weight: 1,
    arbitrary: objects.map(({ what, value }): Case => [`a workflow of ${what}`, () => use(value)]),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `batch of ${what}`,
        () => use({ ...GRAPH, nodes: { one: lazily(() => batch(value as never, { size: 2 })) } }),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `batches of ${what}`,
        () => use({ ...GRAPH, nodes: { one: batch(one, { size: value as never }) } }),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `nested ${what}`,
        () => use({ ...GRAPH, nodes: { one: lazily(() => nested(value as never)) } }),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `split into ${what}`,
        () =>
          use({
            ...GRAPH,
            nodes: {
              one: split({ input: z.number(), output: z.number(), into: value as never }),
              two: nested(inner),
            },
          }),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `a field of ${what}`,
        () => field({ empty: value, merge: (left) => left }),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: objects.map(
      ({ what, value }): Case => [
        `fields checked by ${what}`,
        () => use({ ...GRAPH, context: { a: fixed(value as never), b: counter() } }),
      ],
    ),
  },
);

/** A workflow that was taken can be drawn and described. */
function use(spec: unknown): void {
  const made = workflow(spec as never);
  demand(/^[\w-]+$/.test(made.fingerprint), "a workflow has no fingerprint");
  toDot(made);
  toMermaid(made);
  JSON.stringify(describeWorkflow(made));
}

/** Definitions of workflows, as code without types may write them. */
export const definitions = door<Case>({
  name: "definitions",
  summary: "definitions of workflows, nodes, edges, policies and context fields",
  few: 800,
  cases,
  open: () => ({ attempt: ([, make]) => judged(make) }),
});
