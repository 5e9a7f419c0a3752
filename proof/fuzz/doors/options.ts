import fc from "fast-check";
import { resolveJetStreamOptions } from "../../../src/jetstream/options.ts";
import { MemoryWorld } from "../../../src/memory/world.ts";
import { resolveOrchestratorOptions } from "../../../src/orchestrator/options.ts";
import { Orchestrator } from "../../../src/orchestrator/orchestrator.ts";
import { resolveServiceOptions } from "../../../src/service/options.ts";
import { resolveWorkerOptions } from "../../../src/worker/options.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { door, judgedLater } from "../door.ts";
import { jsons, texts } from "../hostile.ts";
import { flow } from "./api.ts";

// What programs hand to the public classes: options, ids and queries, as code without types may give them.

type Case = readonly [what: string, act: (orchestrator: Orchestrator) => unknown];

/** Options with plain values: what a getter of the caller's throws is the caller's. */
const plain = (names: readonly string[]) =>
  fc.dictionary(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: texts }),
    fc.oneof(jsons, fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY, 10n)),
    { maxKeys: 3 },
  );

const resolvers: fc.Arbitrary<Case> = fc.oneof(
  plain([
    "concurrency",
    "workerId",
    "heartbeatMs",
    "graceMs",
    "maxLost",
    "stepsInPlace",
    "retry",
  ]).map((given): Case => ["worker", () => resolveWorkerOptions(given as never)]),
  plain(["orchestratorId", "aliveMs", "answerMs"]).map(
    (given): Case => ["orchestrator", () => resolveOrchestratorOptions(given as never)],
  ),
  plain(["maxInFlight", "maxWaiting", "repairEveryMs", "graceMs"]).map(
    (given): Case => ["service", () => resolveServiceOptions(given as never)],
  ),
  plain([
    "servers",
    "namespace",
    "user",
    "ackWaitMs",
    "replicas",
    "storage",
    "retentionMs",
    "maxAckPending",
    "patienceMs",
    "connectionOptions",
    "logger",
  ]).map((given): Case => ["jetstream", () => resolveJetStreamOptions(given as never)]),
  plain(["namespace", "ackWaitMs", "maxValueBytes", "seed"]).map(
    (given): Case => ["memory", () => new MemoryWorld(given as never)],
  ),
  jsons.map(
    (given): Case => [
      "workflows",
      () => new Worker({ backend: new MemoryWorld().open(), workflows: [flow, given as never] }),
    ],
  ),
);

const id = fc.oneof<fc.Arbitrary<unknown>[]>(
  texts,
  jsons,
  fc.constantFrom(undefined, null, Symbol("id"), 5n, Number.NaN),
);
const query = plain([
  "status",
  "workflow",
  "createdFrom",
  "createdBefore",
  "limit",
  "cursor",
  "nonsense",
]).map((given) => given as never);

const calls: fc.Arbitrary<Case> = fc.oneof(
  query.map((given): Case => ["listRuns", (o) => o.listRuns(given)]),
  id.map((given): Case => ["status", (o) => o.status(given as never)]),
  id.map((given): Case => ["cancel", (o) => o.cancel(given as never)]),
  id.map((given): Case => ["pause", (o) => o.pause(given as never)]),
  id.map((given): Case => ["resume", (o) => o.resume(given as never)]),
  id.map((given): Case => ["result", (o) => o.result(given as never)]),
  id.map((given): Case => ["context", (o) => o.context(given as never)]),
  id.map((given): Case => ["metrics", (o) => o.metrics(given as never)]),
  id.map((given): Case => ["items", (o) => o.listWorkItems(given as never)]),
  id.map((given): Case => ["pending", (o) => o.pendingWork(given as never)]),
  fc
    .tuple(id, id)
    .map(
      ([run, limit]): Case => ["errors", (o) => o.errors(run as never, { limit: limit as never })],
    ),
  fc
    .tuple(id, id, id)
    .map(
      ([run, after, limit]): Case => [
        "history",
        (o) => o.history(run as never, { after: after as never, limit: limit as never }),
      ],
    ),
  fc
    .tuple(id, id)
    .map(
      ([limit, before]): Case => [
        "deadLetters",
        (o) => o.deadLetters({ limit: limit as never, before: before as never }),
      ],
    ),
  fc
    .tuple(id, id, id, id)
    .map(
      ([run, name, payload, signalId]): Case => [
        "signal",
        (o) => o.signal(run as never, name as never, payload, { signalId: signalId as never }),
      ],
    ),
  fc
    .tuple(id, id, id, id)
    .map(
      ([name, input, runId, context]): Case => [
        "startRun",
        (o) =>
          o.startRun(name as never, input, { runId: runId as never, context: context as never }),
      ],
    ),
  fc
    .tuple(id, id, id)
    .map(
      ([input, runId, context]): Case => [
        "startRun of a workflow",
        (o) =>
          o.startRun(flow, input as never, { runId: runId as never, context: context as never }),
      ],
    ),
);

/** Options and arguments of the public classes. */
export const options = door<Case>({
  name: "options",
  summary: "options of the public classes, and what their methods are given",
  few: 400,
  cases: fc.oneof(resolvers, calls),
  open: () => {
    let count = 0;
    let stand = fresh();
    return {
      attempt: async ([, act]) => {
        if (++count % 2_000 === 0) {
          await stand.close();
          stand = fresh();
        }
        return judgedLater(async () => await act(stand.orchestrator));
      },
      close: () => stand.close(),
    };
  },
});

function fresh() {
  const backend = new MemoryWorld().open();
  const orchestrator = new Orchestrator({ backend, workflows: [flow] }, { answerMs: 1 });
  return {
    orchestrator,
    close: async () => {
      await orchestrator.close();
      await backend.close();
    },
  };
}
