import { FatalError } from "../core/errors.ts";
import type { AnyContext } from "./context.ts";
import { defineNode } from "./define-node.ts";
import type { AnyNode, Node } from "./node-types.ts";
import { type AnySchema, anything, arrayOf, schemaOf } from "./schemas.ts";
import { next, type Transition } from "./transition.ts";

/** How a batch goes through its list. */
export interface BatchOptions {
  /** Elements at a time, 1 or more. More is faster where the node waits, and asks more of what it waits for. */
  readonly size: number;
}

/** A list, its elements unseen: the inner node parses each. */
const someList: AnySchema = schemaOf((value) =>
  Array.isArray(value) ? { value } : { issues: [{ message: "expected an array" }] },
);

/**
 * Runs a node over each element of a list, `size` at a time, and gives the list of what came out, in order.
 *
 * One attempt covers the whole list, and the inner node's retry policy and time limit become those of the batch. An
 * element that answers `hold()` is left out, one that answers `nextAll` adds all its values, and an `abort` fails all.
 * An element cannot wait: a hold for a signal or a time fails the item for good.
 */
export function batch<Shared, In, Out>(
  inner: Node<Shared, In, Out>,
  options: BatchOptions,
): Node<Shared, readonly In[], Out[]> {
  const { size } = options;
  const made = defineNode({
    kind: "batch",
    context: inner.context,
    input: someList,
    output: anything,
    signals: {},
    description: inner.description,
    run: (context, input, name) => runAll({ inner, context, name }, input as unknown[], size),
  });
  const sound = Number.isSafeInteger(size) && size >= 1;
  return Object.freeze({
    ...made,
    inputSchema: arrayOf(inner.inputSchema),
    outputSchema: arrayOf(inner.outputSchema),
    retry: inner.retry,
    timeoutMs: inner.timeoutMs,
    problems: [
      ...inner.problems,
      ...(sound
        ? []
        : [
            `the size of a batch must be a whole number of 1 or more, it is ${typeof size === "number" ? size : `a ${typeof size}`}`,
          ]),
    ],
  });
}

interface Batch {
  readonly inner: AnyNode;
  readonly context: AnyContext;
  readonly name: string;
}

/** Goes through the list with `size` loops that share one position. The first failure stops the others. */
async function runAll(
  { inner, context, name }: Batch,
  elements: readonly unknown[],
  size: number,
): Promise<Transition<unknown>> {
  const failure = new AbortController();
  const signal = AbortSignal.any([context.signal, failure.signal]);
  const shared = { ...context, signal };
  const given: (readonly unknown[])[] = [];
  let position = 0;
  const loop = async (): Promise<void> => {
    while (position < elements.length) {
      signal.throwIfAborted();
      const index = position++;
      const place = `${name}[${index}]`;
      given[index] = valuesOf(await inner.execute(shared, elements[index], place), place);
    }
  };
  const stopOthers = (error: unknown): never => {
    failure.abort(error);
    throw error;
  };
  const loops = Array.from({ length: Math.min(size, elements.length) }, () =>
    loop().catch(stopOthers),
  );
  // Nothing of this attempt may go on when it has failed, so all loops are waited for.
  await Promise.allSettled(loops);
  failure.signal.throwIfAborted();
  return next(given.flat());
}

function valuesOf(answer: Transition<unknown>, place: string): readonly unknown[] {
  switch (answer.type) {
    case "next":
      return [answer.value];
    case "nextAll":
      return answer.values;
    case "abort":
      throw answer.error;
    case "hold":
      if (answer.wait === null) return [];
      throw new FatalError(
        `node "${place}" holds for a signal or a time, which it cannot in a batch`,
      );
  }
}
