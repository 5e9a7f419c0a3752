import type { NodeLogger } from "./node-logger.ts";
import type { AnySchema, ParsedOf } from "./schemas.ts";

/** Signals that a node waits for, each with the schema of its payload. */
export interface SignalSchemas {
  readonly [name: string]: AnySchema;
}

/** A node that declares no signals. */
export type NoSignals = Record<never, never>;

type SignalWake<G extends SignalSchemas> = [keyof G] extends [never]
  ? { readonly type: "signal"; readonly name: string; readonly payload: unknown }
  : {
      readonly [K in keyof G & string]: {
        readonly type: "signal";
        readonly name: K;
        readonly payload: ParsedOf<G[K]>;
      };
    }[keyof G & string];

/** What released a parked item: a signal with its payload, or its time. */
export type Wake<G extends SignalSchemas = NoSignals> =
  | SignalWake<G>
  | {
      readonly type: "timeout";
      /** The signal that did not come, or null where only time was waited for. */
      readonly name: string | null;
    };

/** What belongs to this very execution of a node, beside the context fields. */
export interface ItemContext<G extends SignalSchemas = NoSignals> {
  /** The run that the item belongs to. */
  readonly run: { readonly id: string; readonly workflow: string; readonly version: number };
  /** Name of the node, as the workflow calls it. */
  readonly node: string;
  /** Number of the work item, unique in its run. With the run id a key for idempotent calls elsewhere. */
  readonly item: number;
  /** Which attempt this is, 1 or more. */
  readonly attempt: number;
  /** Aborted when the run is cancelled, the time is up or the worker stops. Hand it to whatever takes one. */
  readonly signal: AbortSignal;
  /** When the time is up, in milliseconds since the epoch, or null where there is no limit. */
  readonly deadline: number | null;
  /** Writes log lines that carry the ids of run, item and attempt. */
  readonly log: NodeLogger;
  /** What released the item where it was parked by `hold`, else null. */
  readonly wake: Wake<G> | null;
}

/** What node code sees: the run's context fields, plus what belongs to this very item. */
export type NodeContext<Shared, G extends SignalSchemas = NoSignals> = Shared & ItemContext<G>;

/** A node's context, its types forgotten: what the engine hands in. */
export type AnyContext = NodeContext<Readonly<Record<string, unknown>>>;

const RESERVED: Readonly<Record<keyof ItemContext, true>> = {
  run: true,
  node: true,
  item: true,
  attempt: true,
  signal: true,
  deadline: true,
  log: true,
  wake: true,
};

/** Names that a context field may not have: each node's context has them already. */
export const RESERVED_NAMES: readonly string[] = Object.freeze(Object.keys(RESERVED));
