import type { ResolvedRetryPolicy } from "../core/retry-policy.ts";
import type { AnyContext, SignalSchemas } from "./context.ts";
import type { Fields } from "./fields/field.ts";
import type { AnySchema } from "./schemas.ts";
import type { Transition } from "./transition.ts";

/** A node, its types forgotten: what the engine runs. */
export interface AnyNode {
  /** `node`, `split`, `batch` or `nested`. */
  readonly kind: string;
  /** The node's own retry policy, or null where the workflow's goes. */
  readonly retry: ResolvedRetryPolicy | null;
  /** Milliseconds that one attempt may take, or null where the workflow's limit goes. */
  readonly timeoutMs: number | null;
  /** A sentence for people, or null. */
  readonly description: string | null;
  /** The context fields that the node uses. */
  readonly context: Fields;
  readonly inputSchema: AnySchema;
  readonly outputSchema: AnySchema;
  /** The signals that the node declares, with the schemas of their payloads. */
  readonly signals: SignalSchemas;
  /** What is wrong with the definition; `workflow()` refuses the node where there is anything. */
  readonly problems: readonly string[];
  /**
   * Parses the input, runs the node's code and parses what it emits. Answers at once where all of that is synchronous.
   *
   * @param name - what the workflow calls the node; error messages say it
   * @throws FloxideError `validation`, and whatever the node's code throws; a promise may reject with the same
   */
  execute(
    context: AnyContext,
    input: unknown,
    name: string,
  ): Transition<unknown> | Promise<Transition<unknown>>;
  readonly "~types"?: {
    readonly context: unknown;
    readonly input: unknown;
    readonly output: unknown;
  };
}

/** A node that no types have been given to yet. */
export type UntypedNode = Omit<AnyNode, "~types">;

/** Takes `In`, gives `Out`, needs `Shared` of the run's context. */
export interface Node<Shared, In, Out> extends AnyNode {
  readonly "~types"?: { readonly context: Shared; readonly input: In; readonly output: Out };
}

/** What carries types that its data does not show: a node or a workflow. */
interface Typed {
  readonly "~types"?: { readonly input: unknown; readonly output: unknown };
}

/** What a node or a workflow takes. */
export type InputOf<T extends Typed> = NonNullable<T["~types"]>["input"];

/** What a node hands on, or a workflow gives at its ends. */
export type OutputOf<T extends Typed> = NonNullable<T["~types"]>["output"];

/** The context handles that a node needs. */
export type SharedOf<N extends AnyNode> = NonNullable<N["~types"]>["context"];
