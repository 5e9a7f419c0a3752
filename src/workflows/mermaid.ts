import { type DrawnNode, drawingOf, labelOf } from "./drawing.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** Brackets around a label, by the kind of node. */
const SHAPES: Readonly<Record<string, readonly [string, string]>> = {
  split: ["[/", "\\]"],
  batch: ["[[", "]]"],
  nested: ["[[", "]]"],
};

const LINES = { next: "-->", join: "==>", error: "-.->" } as const;

/**
 * Draws a workflow as a Mermaid flowchart.
 *
 * Joins are thick lines, `onError` edges dashed ones, and variants stand at their edges. Node ids are `n0`, `n1` and so
 * on in the order of the workflow, so that a style can be set for each.
 */
export function toMermaid(workflow: AnyWorkflow): string {
  const { nodes, edges, start } = drawingOf(workflow);
  const ids = new Map(nodes.map(({ name }, index) => [name, `n${index}`]));
  const idOf = (name: string | null): string =>
    name === null ? "finish" : (ids.get(name) ?? name);
  const lines = ["flowchart TD", `  begin((start)) --> ${idOf(start)}`];
  for (const node of nodes) lines.push(`  ${idOf(node.name)}${boxOf(node)}`);
  for (const edge of edges) {
    const label = labelOf(edge);
    const text = label === "" ? "" : `|${quote(label)}|`;
    lines.push(`  ${idOf(edge.from)} ${LINES[edge.type]}${text} ${idOf(edge.to)}`);
  }
  lines.push("  finish(((end)))");
  return `${lines.join("\n")}\n`;
}

function boxOf({ name, kind }: DrawnNode): string {
  const [open, close] = SHAPES[kind] ?? ["[", "]"];
  return `${open}${quote(name)}${close}`;
}

/** In quotes Mermaid takes any text, with `#…;` for what would end or mark it up. */
function quote(text: string): string {
  return `"${text.replace(/[#"<>&\\`\r\n|]/g, (char) => `#${char.charCodeAt(0)};`)}"`;
}
