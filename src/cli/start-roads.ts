import { z } from "zod";
import { systemClock } from "../core/clock.ts";
import { type ErrorCode, FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Backend } from "../core/ports/backend.ts";
import { checkRunId, SAFE_NAME } from "../core/token.ts";
import { resolveOrchestratorOptions } from "../orchestrator/options.ts";
import { publishStart } from "../orchestrator/start-run.ts";
import type { Door } from "./io.ts";

/** A run to be started by somebody who may not know the workflow. */
export interface WantedRun {
  readonly workflow: string;
  readonly runId: string;
  readonly input: Json;
  readonly context: Readonly<Record<string, Json>>;
}

/** How long the service may take to answer, in milliseconds. */
const ANSWER_MS = 10_000;

const ErrorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
});
const AnswerSchema = z.looseObject({ error: z.undefined().optional() });

/**
 * Starts a run through the orchestrator service, which checks input and context.
 *
 * @returns false where no service runs
 * @throws FloxideError what the service refuses it with; `timeout` where it does not answer
 */
export const startThroughService = (door: Door, run: WantedRun): Promise<boolean> =>
  // With the workflow in the subject too: a NATS user may be allowed to start some workflows only.
  throughService(door, SAFE_NAME.test(run.workflow) ? `start.${run.workflow}` : "start", run);

/**
 * Asks the orchestrator service, which knows the workflows and checks what it is given.
 *
 * @returns false where no service runs
 * @throws FloxideError what the service refuses it with; `timeout` where it does not answer
 */
export async function throughService(door: Door, verb: string, request: object): Promise<boolean> {
  const answer = await door.ask(verb, request, ANSWER_MS);
  if (answer === null) return false;
  readAnswer(answer);
  return true;
}

/**
 * Asks the orchestrator service.
 *
 * @param namespace - another one than the door's own
 * @throws FloxideError what the service refuses it with; `timeout` where it does not answer, `backend` where none runs
 */
export async function askService(
  door: Door,
  verb: string,
  request: object,
  timeoutMs: number,
  namespace?: string,
): Promise<object> {
  const answer = await door.ask(verb, request, timeoutMs, namespace);
  if (answer !== null) return readAnswer(answer);
  throw new FloxideError(
    "backend",
    `no orchestrator service answers${namespace === undefined ? "" : ` for namespace "${namespace}"`}: start one, or leave --through-api out`,
  );
}

function readAnswer(answer: unknown): object {
  const refused = ErrorSchema.safeParse(answer);
  if (refused.success) {
    const { code, message, details } = refused.data.error;
    // An `internal` fault is the service's, not this process's.
    const known = code === "internal" ? "backend" : (code as ErrorCode);
    throw new FloxideError(known, message, { details });
  }
  const parsed = AnswerSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new FloxideError(
    "backend",
    "the orchestrator service answers something else than an orchestrator service does",
    { cause: parsed.error },
  );
}

/**
 * Starts a run that nobody has checked: the worker that takes the request does. It stands in lists at once, so that a
 * refusal is seen there.
 *
 * @throws FloxideError `validation` for a name that cannot be one, `conflict` where the run id stands for another run,
 * `payload_too_large`, `backend`
 */
export async function startUnchecked(
  backend: Backend,
  run: WantedRun,
  now: () => number,
): Promise<void> {
  const { workflow, runId } = run;
  if (!SAFE_NAME.test(workflow)) {
    const rule = "letters, digits, _ and -, 64 at most";
    throw new FloxideError(
      "validation",
      `"${workflow}" is no name of a workflow: those have ${rule}`,
    );
  }
  checkRunId(runId);
  const scope = {
    backend,
    clock: { ...systemClock, now },
    options: resolveOrchestratorOptions({}),
  };
  await publishStart(scope, { ...run, version: null });
}
