import { type DrawnEdge, type DrawnNode, drawingOf, labelOf } from "./drawing.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** Shape by the kind of node. */
const SHAPES: Readonly<Record<string, string>> = {
  split: "trapezium",
  batch: "box3d",
  nested: "component",
};

const STYLES = { next: "solid", join: "bold", error: "dashed" } as const;

/**
 * Draws a workflow in the DOT language of Graphviz.
 *
 * Joins are bold lines, `onError` edges dashed ones, and variants stand at their edges.
 */
export function toDot(workflow: AnyWorkflow): string {
  const { nodes, edges, start } = drawingOf(workflow);
  const lines = [
    `digraph ${quote(workflow.name)} {`,
    "  rankdir=TB;",
    '  node [shape=box, style=rounded, fontname="sans-serif"];',
    '  edge [fontname="sans-serif"];',
    '  "(start)" [shape=circle, label="start"];',
    '  "(end)" [shape=doublecircle, label="end"];',
    ...nodes.map(nodeLine),
    `  "(start)" -> ${quote(start)};`,
    ...edges.map(edgeLine),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function nodeLine({ name, kind, description }: DrawnNode): string {
  const shape = SHAPES[kind];
  const attributes = [
    ...(shape === undefined ? [] : [`shape=${shape}, style=solid`]),
    ...(description === null ? [] : [`tooltip=${quote(description)}`]),
  ];
  return `  ${quote(name)}${attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`};`;
}

function edgeLine(edge: DrawnEdge): string {
  const label = labelOf(edge);
  const attributes = [
    ...(edge.type === "next" ? [] : [`style=${STYLES[edge.type]}`]),
    ...(label === "" ? [] : [`label=${quote(label)}`]),
  ];
  const to = edge.to === null ? '"(end)"' : quote(edge.to);
  return `  ${quote(edge.from)} -> ${to}${attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`};`;
}

/** Graphviz ends a quoted text only at an unescaped quote, and reads backslashes. */
function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\r?\n/g, "\\n")}"`;
}
