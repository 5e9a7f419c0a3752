// The language of workflows: all that is public, by name.

export { type BatchOptions, batch } from "./batch.ts";
export type { Names, Nodes } from "./check.ts";
export {
  type AnyContext,
  type ItemContext,
  type NodeContext,
  type NoSignals,
  RESERVED_NAMES,
  type SignalSchemas,
  type Wake,
} from "./context.ts";
export { toDot } from "./dot.ts";
export type { Arm, Edge } from "./edges.ts";
export { type CounterHandle, counter } from "./fields/counter.ts";
export { fieldEnv } from "./fields/env.ts";
export { type EventLogHandle, eventLog, type Logged } from "./fields/event-log.ts";
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
} from "./fields/field.ts";
export { type FixedHandle, fixed } from "./fields/fixed.ts";
export { type LatestHandle, latest, type Stamped } from "./fields/latest.ts";
export { type SetHandle, set } from "./fields/set.ts";
export { fingerprintOf } from "./fingerprint.ts";
export type { JsonSafe, Misfit, WireSchema } from "./json-safe.ts";
export { toMermaid } from "./mermaid.ts";
export { nested } from "./nested.ts";
export { type NodeSpec, node } from "./node.ts";
export type { NodeLogger } from "./node-logger.ts";
export type { AnyNode, InputOf, Node, OutputOf, SharedOf } from "./node-types.ts";
export type { PolicyOptions } from "./policy.ts";
export { isWorkflow, WorkflowRegistry } from "./registry.ts";
export { route, routeError } from "./route.ts";
export {
  initialContext,
  mergeContext,
  openContext,
} from "./run-context.ts";
export { checkSignal } from "./signal.ts";
export { type SplitSpec, split } from "./split.ts";
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
} from "./transition.ts";
export { type Variant, type VariantsSchema, variant, variants } from "./variant.ts";
export { withRetry, withTimeout } from "./with-policy.ts";
export { type AnyWorkflow, type Workflow, type WorkflowSpec, workflow } from "./workflow.ts";
export { policyOf } from "./workflow-policy.ts";
