import { defineNode } from "./define-node.ts";
import type { Fields, Handles } from "./fields/field.ts";
import { runNested } from "./nested-run.ts";
import type { Node } from "./node-types.ts";
import { type AnySchema, anything } from "./schemas.ts";
import type { Workflow } from "./workflow.ts";

/**
 * A whole workflow as one node, executed in this process inside one attempt.
 *
 * It shares the context of the outer run, which must have all its fields. What its end gives is handed on; where it
 * forks without a join, all its ends are, as `nextAll`. One attempt covers all of it: retry policy and time limit are
 * those of the outer node, and those of inner nodes do not go; inner `onError` edges do. Inner nodes cannot wait: a hold
 * for a signal or a time fails the item for good, and a node that declares signals is refused by `workflow()`.
 */
export function nested<F extends Fields, In, Out>(
  inner: Workflow<F, In, Out>,
): Node<Handles<F>, In, Out> {
  const start: AnySchema = inner.nodes[inner.start]?.inputSchema ?? anything;
  const waiting = Object.entries(inner.nodes).filter(
    ([, node]) => Object.keys(node.signals).length > 0,
  );
  const made = defineNode({
    kind: "nested",
    context: inner.context,
    // Each inner node parses what it takes and gives.
    input: anything,
    output: anything,
    signals: {},
    description: inner.description,
    run: (context, input, name) => runNested(inner, context, input, name),
  });
  return Object.freeze({
    ...made,
    inputSchema: start,
    problems: waiting.map(
      ([name]) =>
        `node "${name}" of the nested workflow "${inner.name}" waits for signals, which it cannot there`,
    ),
  });
}
