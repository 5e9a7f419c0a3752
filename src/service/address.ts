import { FloxideError } from "../core/errors.ts";

/** What the subject of a request says: the verb, and of `start.<workflow>` the workflow. */
export interface Address {
  readonly verb: string;
  /** Null where the subject does not say it. */
  readonly workflow: string | null;
}

/**
 * Reads what follows `<ns>.api.`. A workflow in the subject lets the permissions of a NATS user be those of one workflow.
 */
export function addressOf(tail: string): Address {
  const [verb = "", workflow, ...rest] = tail.split(".");
  if (verb !== "start" || workflow === undefined || rest.length > 0)
    return { verb: tail, workflow: null };
  return { verb, workflow };
}

/**
 * The request with the workflow that its subject says.
 *
 * @throws FloxideError `validation` where the body says another one
 */
export function withWorkflow(request: unknown, { workflow }: Address): unknown {
  if (workflow === null || typeof request !== "object" || request === null) return request;
  const { workflow: said = workflow } = request as { readonly workflow?: unknown };
  if (said === workflow) return { ...request, workflow };
  throw new FloxideError(
    "validation",
    `the subject of the request says workflow "${workflow}", its body says another one: leave it out`,
    { details: { workflow } },
  );
}
