import type { AnyContext, AnyNode, FieldEnv, Transition } from "../../src/workflows/index.ts";
import { openContext } from "../../src/workflows/index.ts";

const ignore = (): void => {};
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A context of one execution, with the handles of the node's fields on what is stored. */
export function contextOf(
  node: AnyNode,
  stored: Parameters<typeof openContext>[1] = {},
  more: Partial<AnyContext> = {},
): { context: AnyContext; takeDelta: ReturnType<typeof openContext>["takeDelta"] } {
  const { handles, takeDelta } = openContext(node.context, stored, env());
  const context: AnyContext = {
    ...handles,
    run: { id: "run-1", workflow: "test", version: 1 },
    node: "it",
    item: 1,
    attempt: 1,
    signal: new AbortController().signal,
    deadline: null,
    log: silent,
    wake: null,
    ...more,
  };
  return { context, takeDelta };
}

/** Executes a node as `it`, once. A throw becomes a rejection. */
export async function execute(
  node: AnyNode,
  input: unknown,
  more: Partial<AnyContext> = {},
): Promise<Transition<unknown>> {
  return await node.execute(contextOf(node, {}, more).context, input, "it");
}

/** Time and ids that a test can foresee. Ids rise. */
export function env(now = 0, prefix = ""): FieldEnv {
  let given = 0;
  return { now, newId: () => `${prefix}${String(++given).padStart(6, "0")}` };
}
