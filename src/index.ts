// The public door.

export {
  type ConnectOrchestrator,
  DistributedOrchestrator,
} from "./client/distributed-orchestrator.ts";
export { type ConnectWorker, DistributedWorker } from "./client/distributed-worker.ts";
export { type ConnectPool, WorkerPool } from "./client/worker-pool.ts";
export type { RunStatus } from "./core/checkpoint/checkpoint.ts";
export {
  type ErrorCode,
  type ErrorDetails,
  FatalError,
  FloxideError,
  isFloxideError,
  RetryLater,
  RunFailedError,
} from "./core/errors.ts";
export type { Failure, FailureKind } from "./core/failure.ts";
export type { Json } from "./core/json.ts";
export type { Logger } from "./core/logger.ts";
export type { Backend } from "./core/ports/backend.ts";
export type { Page, RunFilter } from "./core/ports/stores.ts";
export type { Backlog } from "./core/ports/work-queue.ts";
export type { DeadLetter } from "./core/records/dead-letter.ts";
export type { HistoryEvent } from "./core/records/history-event.ts";
export type { Heartbeat, Liveness } from "./core/records/liveness.ts";
export type { RunMetrics } from "./core/records/metrics.ts";
export type { RunError } from "./core/records/run-error.ts";
export type { RunInfo } from "./core/records/run-info.ts";
export type { RetryPolicy } from "./core/retry-policy.ts";
export type { Schema } from "./core/schema.ts";
export { openJetStreamBackend } from "./jetstream/backend.ts";
export type { JetStreamOptions } from "./jetstream/options.ts";
export { type RunLocalOptions, runLocal } from "./local/run-local.ts";
export type { WaitOptions } from "./orchestrator/await-run.ts";
export type { PendingWork, WorkerHealth, WorkItem } from "./orchestrator/inspect.ts";
export type { OrchestratorOptions } from "./orchestrator/options.ts";
export { type ListRunsQuery, Orchestrator, type RunId } from "./orchestrator/orchestrator.ts";
export type { RepairReport } from "./orchestrator/repair.ts";
export type { StartOptions } from "./orchestrator/start-run.ts";
export type { WorkerOptions } from "./worker/options.ts";
export { Worker } from "./worker/worker.ts";
export { type BatchOptions, batch } from "./workflows/batch.ts";
export type { Names, Nodes } from "./workflows/check.ts";
export {
  type AnyContext,
  type ItemContext,
  type NodeContext,
  type NoSignals,
  RESERVED_NAMES,
  type SignalSchemas,
  type Wake,
} from "./workflows/context.ts";
export { toDot } from "./workflows/dot.ts";
export type { Arm, Edge } from "./workflows/edges.ts";
export { type CounterHandle, counter } from "./workflows/fields/counter.ts";
export { fieldEnv } from "./workflows/fields/env.ts";
export { type EventLogHandle, eventLog, type Logged } from "./workflows/fields/event-log.ts";
export {
  type AnyField,
  type Field,
  type FieldEnv,
  type Fields,
  field,
  type Handles,
  type InitialOf,
  type NoFields,
  type OwnHandle,
} from "./workflows/fields/field.ts";
export { type FixedHandle, fixed } from "./workflows/fields/fixed.ts";
export { type LatestHandle, latest, type Stamped } from "./workflows/fields/latest.ts";
export { type SetHandle, set } from "./workflows/fields/set.ts";
export { fingerprintOf } from "./workflows/fingerprint.ts";
export type { JsonSafe, Misfit } from "./workflows/json-safe.ts";
export { toMermaid } from "./workflows/mermaid.ts";
export { nested } from "./workflows/nested.ts";
export { type NodeSpec, node } from "./workflows/node.ts";
export type { AnyNode, InputOf, Node, OutputOf, SharedOf } from "./workflows/node-types.ts";
export type { PolicyOptions } from "./workflows/policy.ts";
export { WorkflowRegistry } from "./workflows/registry.ts";
export { route, routeError } from "./workflows/route.ts";
export {
  initialContext,
  mergeContext,
  type OpenContext,
  openContext,
  type StoredContext,
} from "./workflows/run-context.ts";
export { type SplitSpec, split } from "./workflows/split.ts";
export {
  abort,
  type Emission,
  type HoldOptions,
  type HoldWait,
  hold,
  isTransition,
  next,
  nextAll,
  sleep,
  type Transition,
} from "./workflows/transition.ts";
export { type Variant, type VariantsSchema, variant, variants } from "./workflows/variant.ts";
export { withRetry, withTimeout } from "./workflows/with-policy.ts";
export {
  type AnyWorkflow,
  type Workflow,
  type WorkflowSpec,
  workflow,
} from "./workflows/workflow.ts";
export { nodeOf, policyOf } from "./workflows/workflow-policy.ts";
