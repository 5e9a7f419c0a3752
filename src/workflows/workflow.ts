import { FloxideError, isFloxideError } from "../core/errors.ts";
import { toFailure } from "../core/failure.ts";
import { cut } from "../core/issues.ts";
import type { ResolvedRetryPolicy, RetryPolicy } from "../core/retry-policy.ts";
import type { CheckEdges, CheckShared, Ends, Names, Nodes } from "./check.ts";
import type { Edge } from "./edges.ts";
import type { Fields, NoFields, NoReserved } from "./fields/field.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { deepFreeze } from "./freeze.ts";
import { graphProblems } from "./graph.ts";
import type { InputOf } from "./node-types.ts";
import { resolvePolicy } from "./policy.ts";

/** A checked graph, its types forgotten. Plain data: the engine walks it, a drawing shows it. */
export interface AnyWorkflow {
  /** Letters, digits, `_` and `-`, at most 64 of them. */
  readonly name: string;
  /** 1 or more. A changed graph is a new version. */
  readonly version: number;
  /** A sentence for people, or null. */
  readonly description: string | null;
  readonly context: Fields;
  readonly nodes: Nodes;
  /** Name of the node that gets the run's input. */
  readonly start: string;
  readonly edges: { readonly [name: string]: Edge };
  /** For the nodes that have none of their own. */
  readonly retry: ResolvedRetryPolicy | null;
  /** Milliseconds for one attempt of a node that has no limit of its own, or null. */
  readonly timeoutMs: number | null;
  /** Short hash of the graph: equal graphs have equal ones. Policies and code are not part of it. */
  readonly fingerprint: string;
  readonly "~types"?: { readonly input: unknown; readonly output: unknown };
}

/** A workflow with context fields `F` that takes `In` and gives `Out`. */
export interface Workflow<F extends Fields, In, Out> extends AnyWorkflow {
  readonly context: F;
  readonly "~types"?: { readonly input: In; readonly output: Out };
}

/** What a workflow is made of. */
export interface WorkflowSpec<
  N extends Nodes,
  E extends { readonly [name: string]: Edge<Names<N>> },
  S extends Names<N>,
  F extends Fields,
> {
  /** Letters, digits, `_` and `-`, at most 64 of them: it stands in subjects as it is. */
  readonly name: string;
  /** 1 or more. Give a changed graph a new one, so that runs under way keep theirs. */
  readonly version: number;
  /** What the nodes of a run share. @default nothing */
  readonly context?: F & NoReserved<F>;
  /** The nodes by name. One node may stand under several names. */
  readonly nodes: N & CheckShared<N, F>;
  /** Name of the node that gets the run's input. */
  readonly start: S;
  /** An entry for each node. */
  readonly edges: E & CheckEdges<N, E>;
  /** How failures are tried again, for nodes that do not say. @default as the worker says */
  readonly retry?: RetryPolicy;
  /** Milliseconds for one attempt, for nodes that do not say. @default no limit */
  readonly timeoutMs?: number;
  /** A sentence for people. */
  readonly description?: string;
}

/**
 * Defines a workflow. All that the compiler can check of the graph is checked by the types, and again at run time.
 *
 * @throws FloxideError `definition` with all that is wrong, one sentence each, in `details.problems`
 */
export function workflow<
  const N extends Nodes,
  const E extends { readonly [name: string]: Edge<Names<N>> },
  S extends Names<N>,
  F extends Fields = NoFields,
>(spec: WorkflowSpec<N, E, S, F>): Workflow<F, InputOf<N[S]>, Ends<N, E>> {
  try {
    return define(spec);
  } catch (error) {
    throw isFloxideError(error) ? error : unusable(error);
  }
}

/** What is wrong may be wrong in a way that no check foresees: a spec that is none, a getter that throws. */
function unusable(cause: unknown): FloxideError {
  const why = toFailure(cause, { node: null, item: null, attempt: null, now: 0 }).message;
  return new FloxideError("definition", `a workflow cannot be made of this: ${why}`, {
    details: { problems: [why] },
    cause,
  });
}

function define<
  const N extends Nodes,
  const E extends { readonly [name: string]: Edge<Names<N>> },
  S extends Names<N>,
  F extends Fields,
>(spec: WorkflowSpec<N, E, S, F>): Workflow<F, InputOf<N[S]>, Ends<N, E>> {
  for (const part of ["nodes", "edges"] as const) {
    const given: unknown = spec[part];
    if (typeof given !== "object" || given === null)
      refuse(spec.name, [`${part}: expected an object with the names of the nodes`]);
  }
  const { retry, timeoutMs, problems } = resolvePolicy(spec);
  const graph = {
    name: spec.name,
    version: spec.version,
    context: Object.freeze({ ...spec.context }) as F,
    nodes: Object.freeze({ ...spec.nodes }),
    start: spec.start,
    edges: deepFreeze(structuredClone<AnyWorkflow["edges"]>(spec.edges)),
    description: spec.description ?? null,
  };
  refuse(spec.name, [...graphProblems(graph), ...problems]);
  return Object.freeze({
    ...graph,
    retry,
    timeoutMs,
    fingerprint: fingerprintOf(graph),
  });
}

/** Problems that an error names at most, and the longest of them in characters. */
const PROBLEMS = 50;
const PROBLEM_LIMIT = 300;

function refuse(workflow: unknown, found: readonly string[]): void {
  if (found.length === 0) return;
  const problems = found.slice(0, PROBLEMS).map((problem) => cut(problem, PROBLEM_LIMIT));
  const list = problems.map((problem) => `- ${problem}`).join("\n");
  throw new FloxideError(
    "definition",
    `workflow "${cut(String(workflow), PROBLEM_LIMIT)}" cannot be used:\n${list}`,
    {
      details: { workflow, problems },
    },
  );
}
