import { z } from "zod";
import { livenessOf } from "../core/records/liveness.ts";
import type { WorkerHealth } from "../orchestrator/inspect.ts";
import {
  defineVerb,
  limitOf,
  NothingSchema,
  OfRunSchema,
  RunIdSchema,
  type Verb,
} from "./define-verb.ts";
import { describeWorkflow } from "./describe-workflow.ts";

const EXAMPLE_ID = "order-4711";

/** Any offset; kept as UTC, as records have it. */
const TimeSchema = z.iso
  .datetime({ offset: true })
  .transform((time) => new Date(time).toISOString());

/** Verbs that look at one run. */
export const RUN_VERBS = {
  status: defineVerb({
    summary: "Says how a run stands.",
    gives: "the run info: `runId`, `workflow`, `version`, `status`, times, and output or failure",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: ({ orchestrator }, { runId }) => orchestrator.run(runId),
  }),
  result: defineVerb({
    summary: "Gives what a run gave.",
    gives:
      "`{ output }`; the error `failed` with the failure, `cancelled`, or `illegal_state` while it goes on",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => ({ output: await orchestrator.result(runId) }),
  }),
  outputs: defineVerb({
    summary: "Gives all values that ends of the graph gave, in the order of their commits.",
    gives: "`{ outputs }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => ({ outputs: await orchestrator.outputs(runId) }),
  }),
  errors: defineVerb({
    summary: "Lists the failed attempts of a run, oldest first.",
    gives: "`{ errors }`, the newest `limit` of them",
    request: z.strictObject({ runId: RunIdSchema, limit: limitOf(1_000, 100) }),
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId, limit }) => ({
      errors: await orchestrator.errors(runId, { limit }),
    }),
  }),
  metrics: defineVerb({
    summary: "Gives counts and timings of a run, in all and by node.",
    gives: "the figures",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: ({ orchestrator }, { runId }) => orchestrator.metrics(runId),
  }),
  context: defineVerb({
    summary: "Gives the context of a run as of its last commit.",
    gives: "`{ context }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => ({ context: await orchestrator.context(runId) }),
  }),
  history: defineVerb({
    summary: "Lists what happened to a run, in order.",
    gives: "`{ events }`, the first `limit` after number `after`",
    request: z.strictObject({
      runId: RunIdSchema,
      after: z.number().int().min(0).default(0),
      limit: limitOf(10_000, 1_000),
    }),
    example: { runId: EXAMPLE_ID, after: 0 },
    handle: async ({ orchestrator }, { runId, after, limit }) => ({
      events: await orchestrator.history(runId, { after, limit }),
    }),
  }),
  pending: defineVerb({
    summary: "Says what waits of a run, and how many messages it has in the queue.",
    gives: "`{ runId, items, queued, accepted }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: ({ orchestrator }, { runId }) => orchestrator.pendingWork(runId),
  }),
  items: defineVerb({
    summary: "Lists the work items of a run that have not ended.",
    gives: "`{ items }`",
    request: OfRunSchema,
    example: { runId: EXAMPLE_ID },
    handle: async ({ orchestrator }, { runId }) => ({
      items: await orchestrator.listWorkItems(runId),
    }),
  }),
} satisfies Record<string, Verb>;

/** Verbs that look at the system. */
export const SYSTEM_VERBS = {
  list: defineVerb({
    summary: "Lists runs by status, workflow and time, newest first, a page at a time.",
    gives: "`{ items, cursor }`; `cursor` is null on the last page",
    request: z.strictObject({
      status: z.enum(["running", "paused", "completed", "failed", "cancelled"]).optional(),
      workflow: z.string().optional(),
      createdFrom: TimeSchema.optional(),
      createdBefore: TimeSchema.optional(),
      limit: limitOf(1_000, 50),
      cursor: z.string().nullable().default(null),
    }),
    example: { status: "failed", workflow: "order", limit: 20 },
    handle: ({ orchestrator }, { limit, cursor, ...filter }) =>
      orchestrator.listRuns({ ...given(filter), limit, cursor }),
  }),
  workers: defineVerb({
    summary: "Lists the workers with what they said last, and how alive they are.",
    gives: "`{ workers }`",
    request: z.strictObject({ thresholdMs: z.number().int().min(1).optional() }),
    example: { thresholdMs: 15_000 },
    handle: async ({ orchestrator }, { thresholdMs }) => {
      const workers = await orchestrator.listWorkerHealth();
      return {
        workers:
          thresholdMs === undefined ? workers : workers.map((one) => judged(one, thresholdMs)),
      };
    },
  }),
  backlog: defineVerb({
    summary: "Says what waits in the queue, by workflow.",
    gives: "`{ backlog }`",
    request: NothingSchema,
    example: {},
    handle: async ({ orchestrator }) => ({ backlog: await orchestrator.backlog() }),
  }),
  "dead-letters": defineVerb({
    summary: "Lists messages that could not be taken, newest first.",
    gives: "`{ letters }`; give the last `id` as `before` to see older ones",
    request: z.strictObject({
      limit: limitOf(1_000, 50),
      before: z.number().int().min(1).nullable().default(null),
    }),
    example: { limit: 20 },
    handle: async ({ orchestrator }, { limit, before }) => ({
      letters: await orchestrator.deadLetters({ limit, before }),
    }),
  }),
  workflows: defineVerb({
    summary:
      "Lists the workflows that this service can start, with the JSON schema of their input where it has one.",
    gives:
      "`{ workflows }`, each `{ name, version, description, fingerprint, start, nodes, inputSchema }`",
    request: NothingSchema,
    example: {},
    handle: async ({ registry }) => ({ workflows: registry.all().map(describeWorkflow) }),
  }),
  repair: defineVerb({
    summary: "Looks for runs that nothing moves any more, and queues them again.",
    gives: "`{ looked, runs, items, starts, projections, restored, lost, unreadable }`",
    request: NothingSchema,
    example: {},
    handle: ({ orchestrator }) => orchestrator.repair(),
  }),
} satisfies Record<string, Verb>;

function judged(worker: WorkerHealth, thresholdMs: number): WorkerHealth {
  const now = Date.parse(worker.at) + worker.ageMs;
  return { ...worker, liveness: livenessOf(worker, now, thresholdMs) };
}

function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
