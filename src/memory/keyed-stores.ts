import type { Clock } from "../core/clock.ts";
import { textOf } from "../core/json-texts.ts";
import type { ErrorStore, LivenessStore, MetricsStore, ValueStore } from "../core/ports/stores.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import type { RunMetrics } from "../core/records/metrics.ts";
import type { RunError } from "../core/records/run-error.ts";
import { toToken } from "../core/token.ts";
import type { Handle } from "./handle.ts";
import type { Table } from "./table.ts";
import { checkSize } from "./text.ts";

/** Figures of runs in memory. */
export function memoryMetricsStore(table: Table<RunMetrics>, handle: Handle): MetricsStore {
  return {
    put: async (metrics) => {
      handle.check();
      table.put(metrics.runId, metrics);
    },
    get: async (runId) => {
      handle.check();
      return table.get(runId)?.value ?? null;
    },
    remove: async (runId) => {
      handle.check();
      table.delete(runId);
    },
  };
}

/** Values of wide forks, by run and key. */
export type ValueTexts = Map<string, Map<string, { readonly text: string; readonly at: number }>>;

/** Values of wide forks in memory. */
export function memoryValueStore(
  texts: ValueTexts,
  handle: Handle,
  { clock, maxValueBytes }: { readonly clock: Clock; readonly maxValueBytes: number },
): ValueStore {
  const valuesOf = (runId: string) => texts.get(runId) ?? new Map<string, never>();
  return {
    put: async (runId, key, json) => {
      handle.check();
      const text = textOf(json);
      checkSize(text, maxValueBytes, `values of run "${runId}"`);
      texts.set(runId, new Map(valuesOf(runId)).set(key, { text, at: clock.now() }));
    },
    get: async (runId, key) => {
      handle.check();
      return valuesOf(runId).get(key)?.text ?? null;
    },
    remove: async (runId, keys) => {
      handle.check();
      for (const key of keys) texts.get(runId)?.delete(key);
      if (valuesOf(runId).size === 0) texts.delete(runId);
    },
    removeRun: async (runId) => {
      handle.check();
      texts.delete(runId);
    },
    runs: async () => {
      handle.check();
      return [...texts.keys()];
    },
    newestAt: async (runId) => {
      handle.check();
      const times = [...valuesOf(runId).values()].map(({ at }) => at);
      return times.length === 0 ? null : Math.max(...times);
    },
  };
}

/** Heartbeats in memory. */
export function memoryLivenessStore(table: Table<Heartbeat>, handle: Handle): LivenessStore {
  return {
    put: async (say) => {
      handle.check();
      const heartbeat = say();
      if (heartbeat !== null) table.put(heartbeat.workerId, heartbeat);
    },
    list: async () => {
      handle.check();
      return [...table.values()];
    },
    get: async (workerId) => {
      handle.check();
      return table.get(workerId)?.value ?? null;
    },
    remove: async (workerId) => {
      handle.check();
      table.delete(workerId);
    },
  };
}

/** Failed attempts in memory, under run, item, attempt and time. */
export function memoryErrorStore(table: Table<RunError>, handle: Handle): ErrorStore {
  return {
    put: async (error) => {
      handle.check();
      table.put(keyOf(error), error);
    },
    list: async (runId, limit) => {
      handle.check();
      return [...table.values(prefixOf(runId))].sort(oldestFirst).slice(-limit);
    },
    remove: async (runId) => {
      handle.check();
      for (const error of table.values(prefixOf(runId))) table.delete(keyOf(error));
    },
  };
}

const prefixOf = (runId: string): string => `${toToken(runId)}.`;

const keyOf = ({ runId, failure: { item, attempt, at } }: RunError): string =>
  `${prefixOf(runId)}${item ?? "run"}.${attempt ?? "run"}-${at}`;

function oldestFirst({ failure: a }: RunError, { failure: b }: RunError): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return (a.item ?? 0) - (b.item ?? 0) || (a.attempt ?? 0) - (b.attempt ?? 0);
}
