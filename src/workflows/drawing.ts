import { isEnd, waysOf } from "./edges.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** A node as drawings show it. */
export interface DrawnNode {
  readonly name: string;
  readonly kind: string;
  readonly description: string | null;
}

/** An edge as drawings show it. */
export interface DrawnEdge {
  readonly from: string;
  /** A node, or null for the end of the run. */
  readonly to: string | null;
  readonly type: "next" | "join" | "error";
  /** The variant that goes this way, or null. */
  readonly variant: string | null;
}

/** What a drawing of a workflow shows, in the order in which the workflow was written. */
export interface Drawing {
  readonly start: string;
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
}

/** Lists what there is to draw. */
export function drawingOf(workflow: AnyWorkflow): Drawing {
  const nodes = Object.entries(workflow.nodes).map(
    ([name, { kind, description }]): DrawnNode => ({ name, kind, description }),
  );
  return {
    start: workflow.start,
    nodes,
    edges: nodes.flatMap(({ name }) => edgesFrom(workflow, name)),
  };
}

/** Text of an edge: the variant, and what else the line stands for. Empty where there is nothing to say. */
export function labelOf(edge: DrawnEdge): string {
  const mark = edge.type === "next" ? "" : edge.type === "join" ? "join" : "on error";
  return [edge.variant ?? "", mark].filter((part) => part !== "").join(", ");
}

function edgesFrom(workflow: AnyWorkflow, from: string): DrawnEdge[] {
  const { ways, onError } = waysOf(workflow.edges[from] ?? []);
  const edges: DrawnEdge[] = [];
  for (const way of ways) {
    const variant = way.kind;
    if (isEnd(way)) edges.push({ from, to: null, type: "next", variant });
    if (way.join !== null) edges.push({ from, to: way.join, type: "join", variant });
    for (const to of way.targets) edges.push({ from, to, type: "next", variant });
  }
  for (const to of onError) edges.push({ from, to, type: "error", variant: null });
  return edges;
}
