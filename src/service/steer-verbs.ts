import { z } from "zod";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { MAX_ID_BYTES } from "../core/token.ts";
import { defineVerb, OfRunSchema, RunIdSchema, type Verb } from "./define-verb.ts";

const EXAMPLE_ID = "order-4711";
const WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 3_600_000;

const JsonSchema = z.custom<Json>((value) => value !== undefined, {
  error: "is missing; give null where the workflow takes nothing",
});

/** Verbs that start runs, command them and wait for them. */
export const STEER_VERBS = {
  start: defineVerb({
    summary: "Checks the input and starts a run.",
    gives: "`{ runId }`, once the start request is kept",
    request: z.strictObject({
      workflow: z.string(),
      input: JsonSchema,
      context: z.record(z.string(), z.unknown()).optional(),
      runId: RunIdSchema.optional(),
    }),
    example: { workflow: "order", input: { sku: "A-1" }, runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { workflow, input, context, runId }) => ({
      runId: await orchestrator.startRun(workflow, input, { context, runId }),
    }),
  }),
  cancel: defineVerb({
    summary: "Cancels a run: when this is answered nothing of it commits any more.",
    gives: "`{ runId }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => {
      await orchestrator.cancel(runId);
      return { runId };
    },
  }),
  pause: defineVerb({
    summary: "Pauses a run: when this is answered no new node of it starts.",
    gives: "`{ runId }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => {
      await orchestrator.pause(runId);
      return { runId };
    },
  }),
  resume: defineVerb({
    summary: "Lets a paused run go on, or a failed one try again from where it failed.",
    gives: "`{ runId }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => {
      await orchestrator.resume(runId);
      return { runId };
    },
  }),
  signal: defineVerb({
    summary:
      "Sends a signal to a run; one that comes early is kept. The same `signalId` twice is one signal.",
    gives: "`{ runId }`",
    request: z.strictObject({
      runId: RunIdSchema,
      name: z.string().min(1).max(MAX_ID_BYTES),
      payload: z.unknown().optional(),
      signalId: z.string().min(1).max(128).optional(),
    }),
    example: { runId: EXAMPLE_ID, name: "approval", payload: { ok: true } },
    handle: async ({ orchestrator }, { runId, name, payload, signalId }) => {
      await orchestrator.signal(runId, name, payload, signalId === undefined ? {} : { signalId });
      return { runId };
    },
  }),
  wait: defineVerb({
    summary: "Waits until a run has ended, however it ended.",
    gives: "what `status` gives; the error `timeout` where it goes on",
    request: z.strictObject({
      runId: RunIdSchema,
      timeoutMs: z.number().int().min(1).max(LONGEST_WAIT_MS).default(WAIT_MS),
    }),
    example: { runId: EXAMPLE_ID, timeoutMs: 60_000 },
    waits: true,
    handle: async ({ orchestrator, stopping }, { runId, timeoutMs }) => {
      try {
        return await orchestrator.waitForCompletion(runId, { timeoutMs, signal: stopping });
      } catch (error) {
        if (!stopping.aborted || !isFloxideError(error, "cancelled")) throw error;
        throw stops(runId, error);
      }
    },
  }),
} satisfies Record<string, Verb>;

function stops(runId: string, cause: unknown): FloxideError {
  const message = "this service stops: ask again, another one may answer";
  return new FloxideError("backend", message, { details: { runId }, cause });
}
