import { isTerminal, RUN_STATUSES, type RunStatus } from "../core/checkpoint/checkpoint.ts";
import type { MetricsStore } from "../core/ports/stores.ts";
import { type RunMetrics, RunMetricsSchema } from "../core/records/metrics.ts";
import { toToken } from "../core/token.ts";
import { decodeEntry, type KvTable, ttlSeconds } from "./kv-table.ts";
import type { Persistence } from "./persist.ts";

/** Figures of runs in a KV bucket, one entry a run. Those of ended runs expire after the retention. */
export class JetStreamMetricsStore implements MetricsStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #ttl: number;

  /** @param retentionMs - how long figures of ended runs stay, in milliseconds */
  constructor(table: KvTable, persistence: Persistence, retentionMs: number) {
    this.#table = table;
    this.#persistence = persistence;
    this.#ttl = ttlSeconds(retentionMs);
  }

  async put(metrics: RunMetrics): Promise<void> {
    const what = `the metrics of run "${metrics.runId}"`;
    const body = this.#table.encode(metrics, what);
    const key = toToken(metrics.runId);
    const ttl = hasEnded(metrics.status) ? this.#ttl : 0;
    await this.#persistence.run(`writing ${what}`, () => this.#table.put(key, body, ttl));
  }

  async get(runId: string): Promise<RunMetrics | null> {
    const what = `the metrics of run "${runId}"`;
    const entry = await this.#persistence.run(`reading ${what}`, () =>
      this.#table.get(toToken(runId)),
    );
    return entry === null ? null : decodeEntry(RunMetricsSchema, entry, what);
  }

  async remove(runId: string): Promise<void> {
    await this.#persistence.run(`removing the metrics of run "${runId}"`, () =>
      this.#table.remove(toToken(runId)),
    );
  }
}

/** A status that this version does not know is taken for one that goes on. */
function hasEnded(status: string): boolean {
  return RUN_STATUSES.includes(status as RunStatus) && isTerminal(status as RunStatus);
}
