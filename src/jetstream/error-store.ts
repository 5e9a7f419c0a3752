import { inParallel } from "../core/in-parallel.ts";
import type { ErrorStore } from "../core/ports/stores.ts";
import { type RunError, RunErrorSchema } from "../core/records/run-error.ts";
import { toToken } from "../core/token.ts";
import { decodeAll, isMarker, type KvTable, ttlSeconds } from "./kv-table.ts";
import type { Persistence } from "./persist.ts";

/** Removals under way at a time. */
const WIDTH = 64;

/**
 * Failed attempts in a KV bucket under `<run>.<item>.<attempt>-<time>`: a resumed run counts its attempts anew, and what was
 * lost with its worker is tried again under the same number. Each expires after the retention.
 */
export class JetStreamErrorStore implements ErrorStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #ttl: number;

  /** @param retentionMs - how long an error stays, in milliseconds */
  constructor(table: KvTable, persistence: Persistence, retentionMs: number) {
    this.#table = table;
    this.#persistence = persistence;
    this.#ttl = ttlSeconds(retentionMs);
  }

  async put(error: RunError): Promise<void> {
    const { item, attempt, at } = error.failure;
    const what = `an error of run "${error.runId}"`;
    const body = this.#table.encode(error, what);
    const of = `${toToken(error.runId)}.${item ?? "run"}`;
    const key = `${of}.${attempt ?? 0}-${Date.parse(at)}`;
    await this.#persistence.run(`writing ${what}`, () => this.#table.put(key, body, this.#ttl));
  }

  async list(runId: string, limit: number): Promise<readonly RunError[]> {
    const what = `the errors of run "${runId}"`;
    const subject = this.#table.subject(`${toToken(runId)}.*.*`);
    return this.#persistence.run(`reading ${what}`, async () => {
      // Part by part: a run may have more of them than one wants to have in memory.
      let newest: RunError[] = [];
      for await (const messages of this.#table.reader.batches(subject, 1)) {
        const values = messages.filter((message) => !isMarker(message));
        const entries = values.map((message) => this.#table.toEntry(message));
        newest = [...newest, ...decodeAll(RunErrorSchema, entries)].sort(oldestFirst).slice(-limit);
      }
      return newest;
    });
  }

  async remove(runId: string): Promise<void> {
    await this.#persistence.run(`removing the errors of run "${runId}"`, async () => {
      const entries = await this.#table.list(`${toToken(runId)}.*.*`);
      await inParallel(entries, WIDTH, ({ key }) => this.#table.remove(key));
    });
  }
}

/** By time, then item, then attempt; what belongs to no item last. */
function oldestFirst(a: RunError, b: RunError): number {
  return (
    Date.parse(a.failure.at) - Date.parse(b.failure.at) ||
    (a.failure.item ?? Number.MAX_SAFE_INTEGER) - (b.failure.item ?? Number.MAX_SAFE_INTEGER) ||
    (a.failure.attempt ?? 0) - (b.failure.attempt ?? 0)
  );
}
