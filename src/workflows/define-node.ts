import { FloxideError } from "../core/errors.ts";
import type { RetryPolicy } from "../core/retry-policy.ts";
import { parseWith } from "../core/schema.ts";
import { after } from "./after.ts";
import type { AnyContext, SignalSchemas } from "./context.ts";
import type { Fields } from "./fields/field.ts";
import type { UntypedNode } from "./node-types.ts";
import { resolvePolicy } from "./policy.ts";
import type { AnySchema } from "./schemas.ts";
import { type Emission, isTransition, type Transition } from "./transition.ts";

// What every node does around the code of its author. Invariants:
// 1. Nothing reaches the author's code, or leaves it, that its schemas do not take.
// 2. What leaves is the value as it was given, not as parsed: it is the wire form that the next node parses.
// 3. Where schemas and code are synchronous, so is the execution: no promise is made.

/** What is different from node to node. */
export interface NodePlan {
  readonly kind: string;
  readonly context: Fields;
  readonly input: AnySchema;
  readonly output: AnySchema;
  readonly signals: SignalSchemas;
  readonly description: string | null;
  readonly retry?: RetryPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  readonly run: (
    context: AnyContext,
    input: unknown,
    name: string,
  ) => Transition<unknown> | PromiseLike<Transition<unknown>>;
}

/** Makes the node of a plan. */
export function defineNode(plan: NodePlan): UntypedNode {
  const { retry, timeoutMs, problems } = resolvePolicy(plan);
  const declared = new Map(Object.entries(plan.signals));
  return Object.freeze({
    kind: plan.kind,
    retry,
    timeoutMs,
    problems,
    description: plan.description,
    context: plan.context,
    inputSchema: plan.input,
    outputSchema: plan.output,
    signals: plan.signals,
    execute: (context: AnyContext, raw: unknown, name: string) =>
      after(parseWith(plan.input, raw, `the input of node "${name}"`, "input"), (input) =>
        after(wakeContext(context, declared, name), (woken) =>
          after(plan.run(woken, input, name), (answer) =>
            checkAnswer(plan, declared, answer, name),
          ),
        ),
      ),
  });
}

/** The context with the payload of the signal that woke the item parsed, where the node declares that signal. */
function wakeContext(
  context: AnyContext,
  declared: ReadonlyMap<string, AnySchema>,
  name: string,
): AnyContext | Promise<AnyContext> {
  const { wake } = context;
  if (wake?.type !== "signal") return context;
  const schema = declared.get(wake.name);
  if (schema === undefined) return context;
  const what = `the payload of signal "${wake.name}" for node "${name}"`;
  return after(parseWith(schema, wake.payload, what, "input"), (payload) => ({
    ...context,
    wake: { ...wake, payload },
  }));
}

function checkAnswer(
  plan: NodePlan,
  declared: ReadonlyMap<string, AnySchema>,
  answer: unknown,
  name: string,
): Transition<unknown> | Promise<Transition<unknown>> {
  if (!isTransition(answer)) {
    throw refused(`node "${name}" must answer with next, nextAll, hold or abort`);
  }
  switch (answer.type) {
    case "next":
    case "nextAll":
      return checkValues(plan.output, answer, name);
    case "hold":
      checkHold(answer, declared, name);
      return answer;
    case "abort":
      return answer;
  }
}

/** Parses each emitted value; gives the transition as it is. */
function checkValues<T extends Emission<unknown>>(
  schema: AnySchema,
  answer: T,
  name: string,
): T | Promise<T> {
  const what = `the output of node "${name}"`;
  if (answer.type === "next") {
    return after(parseWith(schema, answer.value, what, "output"), () => answer);
  }
  const pending: Promise<unknown>[] = [];
  for (const [index, value] of answer.values.entries()) {
    const parsed = parseWith(schema, value, `${what} (value ${index})`, "output");
    if (!(parsed instanceof Promise)) continue;
    // A later value may be refused at once: then nobody looks at this one any more.
    parsed.catch(() => {});
    pending.push(parsed);
  }
  return pending.length === 0 ? answer : Promise.all(pending).then(() => answer);
}

/** A node that declares signals is typed by them, so it may not wait for others. */
function checkHold(
  answer: Extract<Transition<unknown>, { readonly type: "hold" }>,
  declared: ReadonlyMap<string, AnySchema>,
  name: string,
): void {
  const awaited = answer.wait?.for ?? null;
  if (awaited === null || declared.size === 0 || declared.has(awaited)) return;
  const known = [...declared.keys()].map((signal) => `"${signal}"`).join(", ");
  throw refused(`node "${name}" holds for signal "${awaited}", but declares only ${known}`);
}

function refused(message: string): FloxideError {
  return new FloxideError("validation", message, { details: { direction: "output" } });
}
