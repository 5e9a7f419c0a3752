// The public door.

export type { InPartition } from "./client/all-partitions.ts";
export {
  type ConnectOrchestrator,
  DistributedOrchestrator,
} from "./client/distributed-orchestrator.ts";
export { type ConnectWorker, DistributedWorker } from "./client/distributed-worker.ts";
export { type ConnectService, OrchestratorService } from "./client/orchestrator-service.ts";
export {
  type ConnectPartitionedOrchestrator,
  PartitionedOrchestrator,
} from "./client/partitioned-orchestrator.ts";
export {
  type ConnectPartitionedService,
  PartitionedService,
} from "./client/partitioned-service.ts";
export {
  type ConnectPartitionedWorker,
  PartitionedWorker,
} from "./client/partitioned-worker.ts";
export { type ConnectPool, WorkerPool } from "./client/worker-pool.ts";
export type { RunStatus } from "./core/checkpoint/checkpoint.ts";
export {
  type ErrorCode,
  type ErrorDetails,
  FatalError,
  FloxideError,
  isFloxideError,
  RetryLater,
} from "./core/errors.ts";
export type { Failure, FailureKind } from "./core/failure.ts";
export type { Json } from "./core/json.ts";
export type { Logger } from "./core/logger.ts";
export { partitionOf } from "./core/partition-of.ts";
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
export { RunFailedError } from "./core/run-failed-error.ts";
export type { Schema } from "./core/schema.ts";
export { openJetStreamBackend } from "./jetstream/backend.ts";
export type { JetStreamOptions } from "./jetstream/options.ts";
export { LocalSystem, type LocalSystemOptions } from "./local/local-system.ts";
export { type RunLocalOptions, runLocal } from "./local/run-local.ts";
export type { WaitOptions } from "./orchestrator/await-run.ts";
export type { PendingWork, WorkerHealth, WorkItem } from "./orchestrator/inspect.ts";
export type { ListRunsQuery } from "./orchestrator/list-query.ts";
export type { OrchestratorOptions } from "./orchestrator/options.ts";
export { Orchestrator, type RunId } from "./orchestrator/orchestrator.ts";
export type { RepairOptions } from "./orchestrator/repair.ts";
export type {
  RepairFinding,
  RepairListener,
  RepairReport,
} from "./orchestrator/repair-report.ts";
export type { StartOptions } from "./orchestrator/start-run.ts";
export type { ServiceIdentity } from "./service/discovery.ts";
export type { ServiceOptions } from "./service/options.ts";
export type { WorkerOptions } from "./worker/options.ts";
export { Worker } from "./worker/worker.ts";
export {
  type AnyContext,
  type AnyField,
  type AnyNode,
  type AnyWorkflow,
  type Arm,
  abort,
  type BatchOptions,
  batch,
  type CounterHandle,
  counter,
  type Edge,
  type Emission,
  type EventLogHandle,
  eventLog,
  type Field,
  type FieldEnv,
  type Fields,
  type FixedHandle,
  field,
  fixed,
  type Handles,
  type HoldOptions,
  type HoldWait,
  hold,
  type InitialOf,
  type InputOf,
  type ItemContext,
  type JsonSafe,
  type LatestHandle,
  type Logged,
  latest,
  type Misfit,
  type Names,
  type Node,
  type NodeContext,
  type NodeLogger,
  type NodeSpec,
  type Nodes,
  type NoFields,
  type NoSignals,
  nested,
  next,
  nextAll,
  node,
  type OutputOf,
  type OwnHandle,
  type PolicyOptions,
  type SetHandle,
  type SharedOf,
  type SignalSchemas,
  type SplitSpec,
  type Stamped,
  set,
  sleep,
  split,
  type Transition,
  toDot,
  toMermaid,
  type Variant,
  type VariantsSchema,
  variant,
  variants,
  type Wake,
  type WireSchema,
  type Workflow,
  type WorkflowSpec,
  withRetry,
  withTimeout,
  workflow,
} from "./workflows/index.ts";
