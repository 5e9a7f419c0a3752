import { SAFE_NAME } from "../core/token.ts";
import type { Nodes } from "./check.ts";
import { RESERVED_NAMES } from "./context.ts";
import { judgeEdge } from "./edge-problems.ts";
import { type Edge, isEnd, targetsOf, waysOf } from "./edges.ts";
import type { AnyField, Fields } from "./fields/field.ts";

/** A graph before it is known to be right. */
export interface Graph {
  readonly name: string;
  readonly version: number;
  readonly context: Fields;
  readonly nodes: Nodes;
  readonly start: string;
  readonly edges: { readonly [name: string]: Edge };
  readonly description?: string | null;
}

const NAME_RULE = "must be 1 to 64 letters, digits, _ or -";

/** All that is wrong with a graph, one sentence each; none where it can be run. */
export function graphProblems(graph: Graph): string[] {
  const names = Object.keys(graph.nodes);
  const problems = [
    ...headProblems(graph),
    ...Object.entries(graph.context).flatMap(([name, field]) => fieldProblems(name, field)),
    ...names.flatMap((name) => nodeProblems(graph, name)),
  ];
  const edges = new Map<string, Edge>();
  for (const name of names) {
    const node = graph.nodes[name];
    if (node === undefined || !Object.hasOwn(graph.edges, name)) continue;
    const judged = judgeEdge(name, graph.edges[name], node, (target) => names.includes(target));
    problems.push(...judged.problems);
    if (judged.edge !== null) edges.set(name, judged.edge);
  }
  problems.push(...edgeEntryProblems(graph, names));
  // Where edges lead is worth saying only of a graph whose edges are right.
  if (problems.length === 0) problems.push(...reachProblems(graph.start, edges));
  return problems;
}

function headProblems({ name, version, nodes, start, description }: Graph): string[] {
  const problems: string[] = [];
  if (!isSafe(name)) problems.push(`the name "${name}" of the workflow ${NAME_RULE}`);
  if (!(Number.isSafeInteger(version) && version >= 1)) {
    problems.push(`the version must be a whole number of 1 or more, it is ${version}`);
  }
  if (!isDescription(description)) problems.push("the description is no text");
  if (Object.keys(nodes).length === 0) problems.push("there are no nodes");
  else if (!Object.hasOwn(nodes, start)) problems.push(`the start "${start}" is no node`);
  return problems;
}

function fieldProblems(name: string, field: AnyField): string[] {
  const problems: string[] = [];
  if (RESERVED_NAMES.includes(name)) {
    problems.push(
      `a context field may not be called "${name}": each node's context has that already`,
    );
  }
  if (!isSafe(name)) problems.push(`the name "${name}" of a context field ${NAME_RULE}`);
  if (typeof field?.merge !== "function" || typeof field.open !== "function") {
    problems.push(
      `context field "${name}" is not one: use fixed, latest, counter, set, eventLog or field`,
    );
  }
  return problems;
}

function nodeProblems(graph: Graph, name: string): string[] {
  const problems: string[] = [];
  const node = graph.nodes[name];
  if (!isSafe(name)) problems.push(`the name "${name}" of a node ${NAME_RULE}`);
  if (typeof node?.execute !== "function") {
    problems.push(`node "${name}" is not one: use node, split, batch or nested`);
    return problems;
  }
  for (const side of ["input", "output"] as const) {
    if (!isSchema(node[`${side}Schema`])) {
      problems.push(
        `the ${side} of node "${name}" is no schema: give one of zod, or any Standard Schema`,
      );
    }
  }
  if (!isDescription(node.description))
    problems.push(`the description of node "${name}" is no text`);
  problems.push(...node.problems.map((problem) => `node "${name}": ${problem}`));
  for (const [field, { kind }] of Object.entries(node.context)) {
    const offered = Object.hasOwn(graph.context, field) ? graph.context[field]?.kind : undefined;
    if (offered === undefined) {
      problems.push(
        `node "${name}" needs the context field "${field}", which the workflow does not have`,
      );
    } else if (offered !== kind) {
      problems.push(
        `node "${name}" needs the context field "${field}" of kind ${kind}; the workflow's is of kind ${offered}`,
      );
    }
  }
  return problems;
}

function edgeEntryProblems(graph: Graph, names: readonly string[]): string[] {
  return [
    ...names
      .filter((name) => !Object.hasOwn(graph.edges, name))
      .map((name) => `node "${name}" has no entry in edges; give it [] where the run ends there`),
    ...Object.keys(graph.edges)
      .filter((name) => !names.includes(name))
      .map((name) => `edges has an entry for "${name}", which is no node`),
  ];
}

function reachProblems(start: string, edges: ReadonlyMap<string, Edge>): string[] {
  const reached = new Set<string>([start]);
  let ends = false;
  // A set gives what is added while it is walked.
  for (const name of reached) {
    const { ways, onError } = waysOf(edges.get(name) ?? []);
    if (ways.some(isEnd)) ends = true;
    for (const target of [...ways.flatMap(targetsOf), ...onError]) reached.add(target);
  }
  const problems = [...edges.keys()]
    .filter((name) => !reached.has(name))
    .map((name) => `node "${name}" cannot be reached from "${start}"`);
  if (!ends) problems.push(`no end can be reached from "${start}": give some node the edges []`);
  return problems;
}

/** Text, or nothing. */
const isDescription = (given: unknown): boolean =>
  given === undefined || given === null || typeof given === "string";

function isSchema(given: unknown): boolean {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  const standard: unknown = "~standard" in given ? given["~standard"] : undefined;
  return typeof standard === "object" && standard !== null && "validate" in standard;
}

/** `__proto__` passes for a name, and is one that records of JavaScript cannot have. */
function isSafe(name: unknown): boolean {
  return typeof name === "string" && SAFE_NAME.test(name) && name !== "__proto__";
}
