import { FloxideError } from "../core/errors.ts";
import type { Schema } from "../core/schema.ts";
import { after } from "./after.ts";
import type { NodeContext } from "./context.ts";
import { defineNode } from "./define-node.ts";
import type { Fields, Handles, NoFields, NoReserved } from "./fields/field.ts";
import type { Given, WireSchema } from "./json-safe.ts";
import type { Node } from "./node-types.ts";
import type { PolicyOptions } from "./policy.ts";
import { nextAll } from "./transition.ts";

/** What a split is made of. */
export interface SplitSpec<In, Value, Out, F extends Fields> extends PolicyOptions {
  /** The context fields that the node uses. @default none */
  readonly context?: F & NoReserved<F>;
  /** What is split. */
  readonly input: Schema<In, Value>;
  /** One part. */
  readonly output: WireSchema<Out>;
  /** A sentence for people. */
  readonly description?: string;
  /** Gives the parts, in the order in which a join will have them again. */
  readonly into: (
    input: Value,
    context: NodeContext<Handles<F>>,
  ) => readonly (Out | Given<Out>)[] | Promise<readonly (Out | Given<Out>)[]>;
}

/** Defines a node that splits one input into many items, each of which goes to each successor. */
export function split<In, Value, Out, F extends Fields = NoFields>(
  spec: SplitSpec<In, Value, Out, F>,
): Node<Handles<F>, In, Out> {
  return defineNode({
    kind: "split",
    context: spec.context ?? {},
    input: spec.input,
    output: spec.output,
    signals: {},
    description: spec.description ?? null,
    retry: spec.retry,
    timeoutMs: spec.timeoutMs,
    run: (context, input) =>
      after(spec.into(input as Value, context as NodeContext<Handles<F>>), (parts) => {
        if (Array.isArray(parts)) return nextAll(parts);
        throw new FloxideError("validation", "`into` of a split must give a list of parts", {
          details: { direction: "output" },
        });
      }),
  });
}
