import type { Schema } from "../core/schema.ts";
import type { NodeContext, NoSignals, SignalSchemas } from "./context.ts";
import { defineNode, type NodePlan } from "./define-node.ts";
import type { Fields, Handles, NoFields, NoReserved } from "./fields/field.ts";
import type { Given, WireSchema } from "./json-safe.ts";
import type { Node } from "./node-types.ts";
import type { PolicyOptions } from "./policy.ts";
import type { Transition } from "./transition.ts";

/** What a node is made of. */
export interface NodeSpec<In, Value, Out, F extends Fields, G extends SignalSchemas>
  extends PolicyOptions {
  /** The context fields that the node uses. The workflow must have them all. @default none */
  readonly context?: F & NoReserved<F>;
  /** What the node takes. Its parsed form is what `run` gets. */
  readonly input: Schema<In, Value>;
  /** What the node gives. Checked, then handed on as it is. */
  readonly output: WireSchema<Out>;
  /** The signals that the node holds for, each with the schema of its payload. @default any name, payload unknown */
  readonly signals?: G;
  /** A sentence for people. */
  readonly description?: string;
  /**
   * The node's code. It may be executed more than once for one item (at least once); what it answers counts once.
   * It is executed again, with `context.wake` set, when a hold of it is released.
   */
  readonly run: (
    context: NodeContext<Handles<F>, G>,
    input: Value,
  ) => Transition<NoInfer<Out | Given<Out>>> | Promise<Transition<NoInfer<Out | Given<Out>>>>;
}

/**
 * Defines a node: a step that takes one input and answers with a transition.
 *
 * Its input, and every value that it emits, is parsed at run time. What is wrong with its policy is reported by
 * `workflow()`.
 */
export function node<
  In,
  Value,
  Out,
  F extends Fields = NoFields,
  G extends SignalSchemas = NoSignals,
>(spec: NodeSpec<In, Value, Out, F, G>): Node<Handles<F>, In, Out> {
  return defineNode({
    kind: "node",
    context: spec.context ?? {},
    input: spec.input,
    output: spec.output,
    signals: spec.signals ?? {},
    description: spec.description ?? null,
    retry: spec.retry,
    timeoutMs: spec.timeoutMs,
    // The schemas around it have checked what the types say.
    run: spec.run as NodePlan["run"],
  });
}
