import { FloxideError } from "../core/errors.ts";
import type { ResolvedRetryPolicy } from "../core/retry-policy.ts";
import type { AnyNode } from "./node-types.ts";
import type { AnyWorkflow } from "./workflow.ts";

/**
 * The policy that goes for a node: its own, else the workflow's, each part for itself.
 *
 * @throws FloxideError `not_found` where the workflow has no such node
 */
export function policyOf(
  workflow: AnyWorkflow,
  nodeName: string,
): { readonly retry: ResolvedRetryPolicy | null; readonly timeoutMs: number | null } {
  const node = nodeOf(workflow, nodeName);
  return {
    retry: node.retry ?? workflow.retry,
    timeoutMs: node.timeoutMs ?? workflow.timeoutMs,
  };
}

/**
 * The node of that name.
 *
 * @throws FloxideError `not_found` naming the nodes that there are
 */
export function nodeOf(workflow: AnyWorkflow, nodeName: string): AnyNode {
  const node = Object.hasOwn(workflow.nodes, nodeName) ? workflow.nodes[nodeName] : undefined;
  if (node !== undefined) return node;
  const names = Object.keys(workflow.nodes).map((name) => `"${name}"`);
  throw new FloxideError(
    "not_found",
    `workflow "${workflow.name}" version ${workflow.version} has no node "${nodeName}"; it has ${names.join(", ")}`,
    { details: { workflow: workflow.name, version: workflow.version, node: nodeName } },
  );
}
