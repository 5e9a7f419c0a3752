import { FloxideError, isFloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { Door } from "./io.ts";
import { askService } from "./start-roads.ts";

/** What commands that look at runs need: an orchestrator has it, and so has the service. */
export interface Runs
  extends Pick<
    Orchestrator,
    | "run"
    | "listRuns"
    | "waitForCompletion"
    | "outputs"
    | "context"
    | "errors"
    | "metrics"
    | "history"
    | "pendingWork"
    | "listWorkItems"
    | "listWorkerHealth"
    | "backlog"
    | "deadLetters"
  > {
  result(runId: string): Promise<Json>;
}

/** How long the service may take to look, in milliseconds. */
const ANSWER_MS = 10_000;
/** How long one request waits for the end of a run, in milliseconds, and how much longer for the answer. */
const WAIT_MS = 30_000;
const GRACE_MS = 5_000;

/**
 * Looks at runs through the orchestrator service: that takes no permission but to ask it.
 *
 * @param namespace - another one than the door's own
 */
export function runsOf(door: Door, namespace?: string): Runs {
  // The service has read what it gives; it is of this package.
  const ask = <T>(verb: string, request: object, timeoutMs = ANSWER_MS) =>
    askService(door, verb, request, timeoutMs, namespace) as Promise<T>;
  const field =
    <K extends string>(verb: string, name: K) =>
    async <T>(request: object): Promise<T> =>
      (await ask<Record<K, T>>(verb, request))[name];
  return {
    run: (runId) => ask("status", { runId }),
    listRuns: (query = {}) => ask("list", query),
    waitForCompletion: (runId, { timeoutMs } = {}) =>
      wait((ms) => ask("wait", { runId, timeoutMs: ms }, ms + GRACE_MS), runId, timeoutMs),
    result: (runId) => field("result", "output")({ runId }),
    outputs: (runId) => field("outputs", "outputs")({ runId }),
    context: (runId) => field("context", "context")({ runId }),
    errors: (runId, options) => field("errors", "errors")({ runId, ...options }),
    metrics: (runId) => ask("metrics", { runId }),
    history: (runId, options) => field("history", "events")({ runId, ...options }),
    pendingWork: (runId) => ask("pending", { runId }),
    listWorkItems: (runId) => field("items", "items")({ runId }),
    listWorkerHealth: () => field("workers", "workers")({}),
    backlog: () => field("backlog", "backlog")({}),
    deadLetters: (options) => field("dead-letters", "letters")({ ...options }),
  };
}

/** Asks again for as long as the run goes on. */
async function wait<T>(
  ask: (ms: number) => Promise<T>,
  runId: string,
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = Math.ceil(deadline - performance.now());
    try {
      return await ask(Math.max(1, Math.min(left, WAIT_MS)));
    } catch (error) {
      if (!isFloxideError(error, "timeout")) throw error;
      if (performance.now() >= deadline) throw tooLate(runId, timeoutMs, error);
    }
  }
}

function tooLate(runId: string, timeoutMs: number, cause: unknown): FloxideError {
  const message = `run "${runId}" has not ended within ${timeoutMs} ms`;
  return new FloxideError("timeout", message, { details: { runId, timeoutMs }, cause });
}
