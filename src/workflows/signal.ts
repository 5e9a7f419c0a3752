import { parseWith } from "../core/schema.ts";
import type { AnyWorkflow } from "./workflow.ts";

/**
 * Checks the payload of a signal before it is sent, so that a wrong one is refused instead of failing the run.
 *
 * It passes where a node that declares the signal takes it, and where no node declares the signal.
 *
 * @throws FloxideError `validation`
 */
export async function checkSignal(
  workflow: AnyWorkflow,
  name: string,
  payload: unknown,
): Promise<void> {
  let refusal: unknown = null;
  for (const [nodeName, { signals }] of Object.entries(workflow.nodes)) {
    const schema = Object.hasOwn(signals, name) ? signals[name] : undefined;
    if (schema === undefined) continue;
    const what = `the payload of signal "${name}" for node "${nodeName}"`;
    try {
      await parseWith(schema, payload, what, "input");
      return;
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal !== null) throw refusal;
}
