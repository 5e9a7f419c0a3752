import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { sayIssues } from "../core/issues.ts";
import { isRunId } from "../core/token.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { WorkflowRegistry } from "../workflows/index.ts";

/** What a verb has to work with. */
export interface VerbScope {
  readonly orchestrator: Orchestrator;
  readonly registry: WorkflowRegistry;
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
}

/** One verb of the API: what it takes, what it does, and what the documentation says of it. */
export interface Verb {
  /** One sentence. */
  readonly summary: string;
  /** What the reply holds, in words. */
  readonly gives: string;
  readonly request: z.ZodType;
  /** A request that fits the schema. */
  readonly example: Readonly<Record<string, unknown>>;
  /** True for a request that may stay open for long: it does not count as work. */
  readonly waits: boolean;
  /** Checks the request, then does it. @throws FloxideError `validation`, and what the orchestrator throws */
  answer(scope: VerbScope, request: unknown): Promise<object>;
}

/** A verb from its schema and what to do with a request that fits. */
export function defineVerb<S extends z.ZodType>(spec: {
  readonly summary: string;
  readonly gives: string;
  readonly request: S;
  readonly example: z.input<S> & Readonly<Record<string, unknown>>;
  readonly waits?: boolean;
  readonly handle: (scope: VerbScope, request: z.output<S>) => Promise<object>;
}): Verb {
  const { handle, waits = false, ...rest } = spec;
  return {
    ...rest,
    waits,
    answer: async (scope, request) => handle(scope, parseRequest(spec.request, request)),
  };
}

/** Any text of 1 to 128 bytes. */
export const RunIdSchema = z
  .string()
  .refine(isRunId, { error: "must be 1 to 128 bytes of well-formed text" });

/** The request of verbs that need a run and nothing else. */
export const OfRunSchema = z.strictObject({ runId: RunIdSchema });

/** The request of verbs that need nothing. */
export const NothingSchema = z.strictObject({});

/** How many entries to give. */
export const limitOf = (most: number, byDefault: number) =>
  z.number().int().min(1).max(most).default(byDefault);

function parseRequest<S extends z.ZodType>(schema: S, request: unknown): z.output<S> {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  const { issues, text } = sayIssues(parsed.error.issues);
  throw new FloxideError("validation", `the request does not fit: ${text}`, {
    details: { issues },
    cause: parsed.error,
  });
}
