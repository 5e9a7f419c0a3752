import { isRecord } from "../core/json.ts";
import { type Edge, targetsOf, waysOf } from "./edges.ts";
import type { AnyNode } from "./node-types.ts";
import { kindsOf } from "./variant.ts";

/** What is wrong with the edges out of one node, and the edges where they can be read at all. */
export interface JudgedEdge {
  readonly problems: readonly string[];
  readonly edge: Edge | null;
}

/** Judges the edges out of one node. Types have checked the same, but not for callers without types. */
export function judgeEdge(
  name: string,
  given: unknown,
  node: AnyNode,
  isNode: (target: string) => boolean,
): JudgedEdge {
  const said = shapeProblem(given);
  if (said !== null) return { problems: [`the edges of node "${name}" ${said}`], edge: null };
  const edge = given as Edge;
  const { ways, byKind, onError } = waysOf(edge);
  const problems: string[] = [];
  for (const way of ways) {
    const place = way.kind === null ? `node "${name}"` : `variant "${way.kind}" of node "${name}"`;
    problems.push(...targetProblems(`the edges of ${place}`, targetsOf(way), isNode));
  }
  problems.push(...targetProblems(`the onError edges of node "${name}"`, onError, isNode));
  if (byKind) {
    const kinds = ways.map((way) => way.kind ?? "");
    problems.push(...kindProblems(name, kinds, kindsOf(node.outputSchema)));
  }
  return { problems, edge };
}

const FORM = "must be a list of names, or have one of next, join and on, and perhaps onError";

/** What is wrong with the form of the edges, or null. */
function shapeProblem(given: unknown): string | null {
  if (isNames(given)) return null;
  if (!isRecord(given)) return FORM;
  const ways = ["next", "join", "on"].filter((key) => key in given);
  const others = Object.keys(given).filter((key) => key !== "onError" && !ways.includes(key));
  if (ways.length !== 1 || others.length > 0) return FORM;
  if ("onError" in given && !(isNames(given["onError"]) && given["onError"].length > 0)) {
    return "have an onError that is not a list of at least one name";
  }
  if ("next" in given && !isNames(given["next"])) return "have a next that is not a list of names";
  if ("join" in given && typeof given["join"] !== "string") return "have a join that is not a name";
  if ("on" in given && !(isRecord(given["on"]) && Object.values(given["on"]).every(isArm))) {
    return "have an on whose arms are not lists of names or joins";
  }
  return null;
}

function isArm(given: unknown): boolean {
  if (isNames(given)) return true;
  return isRecord(given) && typeof given["join"] === "string" && Object.keys(given).length === 1;
}

function isNames(given: unknown): given is readonly string[] {
  // A list with holes skips them in `every`.
  return Array.isArray(given) && Array.from(given).every((one) => typeof one === "string");
}

function targetProblems(
  place: string,
  targets: readonly string[],
  isNode: (target: string) => boolean,
): string[] {
  const twice = targets.filter((target, index) => targets.indexOf(target) !== index);
  return [
    ...targets
      .filter((target) => !isNode(target))
      .map((target) => `${place} lead to "${target}", which is no node`),
    ...[...new Set(twice)].map((target) => `${place} lead to "${target}" more than once`),
  ];
}

/** @param gives - the kinds that the node's output schema has, or null where it does not say */
function kindProblems(
  name: string,
  arms: readonly string[],
  gives: readonly string[] | null,
): string[] {
  if (arms.length === 0) return [`the edges of node "${name}" have an on without arms`];
  if (gives === null) return [];
  return [
    ...gives
      .filter((kind) => !arms.includes(kind))
      .map((kind) => `the edges of node "${name}" have no arm for variant "${kind}"`),
    ...arms
      .filter((kind) => !gives.includes(kind))
      .map(
        (kind) =>
          `the edges of node "${name}" have an arm for "${kind}", a variant that it does not give`,
      ),
  ];
}
