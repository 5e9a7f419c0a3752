import type { Routed, Successor } from "../core/checkpoint/routed.ts";
import { FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { isEnd, type Way, type Ways, waysOf } from "./edges.ts";
import { emptyJoinsFrom } from "./empty-joins.ts";
import type { Emission } from "./transition.ts";
import { isVariant } from "./variant.ts";
import type { AnyWorkflow } from "./workflow.ts";
import { nodeOf } from "./workflow-policy.ts";

// What an answer of a node means in its graph. Invariants:
// 1. A function of workflow, node and answer. What it remembers is derived from the frozen workflow alone.
// 2. Values are handed on as they are, by reference: who stores them makes them JSON.
// 3. Successors of several values are in value-major order, which is the order of a fork's branches.

/** A way with the joins that are left empty where a fork opened on it brings nothing. */
interface Lane extends Way {
  readonly emptyJoins: readonly string[];
}

/** What routing needs of one node. */
interface Lanes {
  readonly byKind: ReadonlyMap<string, Lane> | null;
  readonly only: Lane | null;
  readonly emptyJoins: readonly string[];
  readonly onError: Lane | null;
}

const remembered = new WeakMap<AnyWorkflow, Map<string, Lanes>>();

/**
 * Where the values of a node go.
 *
 * @throws FloxideError `validation` for a variant of a kind that has no arm and for a value with no JSON form,
 * `not_found` for a node that the workflow does not have
 */
export function route(
  workflow: AnyWorkflow,
  nodeName: string,
  transition: Emission<unknown>,
): Routed {
  const lanes = lanesOf(workflow, nodeName);
  const successors: Successor[] = [];
  if (transition.type === "next") {
    const lane = follow(lanes, transition.value, nodeName, successors);
    const forks = lane.targets.length > 1;
    return { forks, successors, emptyJoins: forks ? lane.emptyJoins : [] };
  }
  for (const value of transition.values) follow(lanes, value, nodeName, successors);
  return { forks: true, successors, emptyJoins: lanes.emptyJoins };
}

/**
 * Where the input of a failed node goes, or null where it has no `onError` edges.
 *
 * @throws FloxideError `not_found` for a node that the workflow does not have
 */
export function routeError(workflow: AnyWorkflow, nodeName: string, input: Json): Routed | null {
  const { onError } = lanesOf(workflow, nodeName);
  if (onError === null) return null;
  const forks = onError.targets.length > 1;
  return {
    forks,
    successors: onError.targets.map((node) => ({ type: "item", node, input })),
    emptyJoins: forks ? onError.emptyJoins : [],
  };
}

/** Adds the successors of one value. @returns the lane that it took */
function follow(lanes: Lanes, value: unknown, nodeName: string, successors: Successor[]): Lane {
  const lane = lanes.only ?? laneOfKind(lanes, value, nodeName);
  const payload = carriable(
    lane.kind === null ? value : (value as { value: unknown }).value,
    nodeName,
  );
  if (lane.join !== null) successors.push({ type: "join", node: lane.join, value: payload });
  else if (isEnd(lane)) successors.push({ type: "end", value: payload });
  for (const node of lane.targets) successors.push({ type: "item", node, input: payload });
  return lane;
}

function laneOfKind(lanes: Lanes, value: unknown, nodeName: string): Lane {
  const kind = isVariant(value) ? value.kind : undefined;
  const lane = kind === undefined ? undefined : lanes.byKind?.get(kind);
  if (lane !== undefined) return lane;
  const known = [...(lanes.byKind?.keys() ?? [])].map((name) => `"${name}"`).join(", ");
  const given = kind === undefined ? "no variant" : `variant "${kind}"`;
  throw refused(`node "${nodeName}" gave ${given}, and its edges are for ${known}`, nodeName);
}

function carriable(value: unknown, nodeName: string): Json {
  const type = typeof value;
  if (type === "undefined" || type === "function" || type === "symbol" || type === "bigint") {
    throw refused(
      `the output of node "${nodeName}" cannot be written as JSON: it is ${type}`,
      nodeName,
    );
  }
  return value as Json;
}

function refused(message: string, node: string): FloxideError {
  return new FloxideError("validation", message, { details: { direction: "output", node } });
}

function lanesOf(workflow: AnyWorkflow, nodeName: string): Lanes {
  let known = remembered.get(workflow);
  if (known === undefined) {
    known = new Map();
    remembered.set(workflow, known);
  }
  let lanes = known.get(nodeName);
  if (lanes === undefined) {
    nodeOf(workflow, nodeName);
    lanes = makeLanes(workflow, waysOf(workflow.edges[nodeName] ?? []));
    known.set(nodeName, lanes);
  }
  return lanes;
}

function makeLanes(workflow: AnyWorkflow, { ways, byKind, onError }: Ways): Lanes {
  const lane = (way: Way): Lane => ({ ...way, emptyJoins: emptyJoinsFrom(workflow, [way]) });
  const lanes = ways.map(lane);
  return {
    byKind: byKind ? new Map(lanes.map((one) => [one.kind ?? "", one])) : null,
    only: byKind ? null : (lanes[0] ?? null),
    emptyJoins: emptyJoinsFrom(workflow, ways),
    onError: onError.length === 0 ? null : lane({ kind: null, targets: onError, join: null }),
  };
}
