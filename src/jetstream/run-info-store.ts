import { isTerminal, RUN_STATUSES, type RunStatus } from "../core/checkpoint/checkpoint.ts";
import type {
  Page,
  RunFilter,
  RunInfoStore,
  RunScan,
  ScanPlace,
  WatchTrouble,
} from "../core/ports/stores.ts";
import { type RunInfo, saysTheSame } from "../core/records/run-info.ts";
import { toToken } from "../core/token.ts";
import type { EndedWatch } from "./ended-watch.ts";
import { type Entry, isConflict, isMarker, type KvTable, ttlSeconds } from "./kv-table.ts";
import { mayHaveActed, NoAnswer } from "./no-answer.ts";
import type { Persistence } from "./persist.ts";
import { listRuns } from "./run-info-list.ts";
import { misfiledRuns, scanRuns } from "./run-info-scan.ts";
import { type FiledRun, isBetter, readFiled } from "./run-record.ts";
import type { StoredMessage } from "./stored-message.ts";

// Run infos in a KV bucket under `<workflow>.<status>.<run>`, so that a status or a workflow is found without reading the
// others.
//
// F1. A run is created by one compare-and-set over `*.*.<run>`: whatever workflow or status it is filed under, it is there.
// F2. A run moves by writing the new key, then removing the old one. Between the two, or when the writer dies there, it
//     stands under both: readers take the larger revision, then the ended status.
// F3. `completed` and `cancelled` are final, so they are written without a look. All others are written by compare-and-set
//     over `*.*.<run>`, and not at all where something newer is filed.
//     {@link JetStreamRunInfoStore.refile} alone writes over what is newer: where the checkpoints have lost it.
// F4. Entries of ended runs expire after the retention.
// F5. Markers of removed entries go after two seconds: a list of the runs of a status reads past them. They are not needed
//     for long. Whoever reads one and writes after it has gone fails the compare-and-set, and reads again; what is removed
//     on the way to an end is under the new key already (F2).
// F6. What a write is guarded by is read from any replica, which may be behind; after a refusal from the leader. Were it
//     asked of any again, a replica that stays behind would keep the run from being filed.

/** How long the marker of a removed entry stays, in seconds. */
const MARKER_TTL_S = 2;

/** Run infos in a KV bucket. */
export class JetStreamRunInfoStore implements RunInfoStore {
  readonly #table: KvTable;
  readonly #persistence: Persistence;
  readonly #ended: EndedWatch;
  readonly #ttl: number;

  /** @param retentionMs - how long infos of ended runs stay, in milliseconds */
  constructor(table: KvTable, persistence: Persistence, ended: EndedWatch, retentionMs: number) {
    this.#table = table;
    this.#persistence = persistence;
    this.#ended = ended;
    this.#ttl = ttlSeconds(retentionMs);
  }

  create(info: RunInfo): Promise<boolean> {
    const body = this.#encode(info);
    let mayBeOurs = false;
    const writeAt = (revision: number) =>
      this.#writeAt(info, body, revision).catch((error: unknown) => {
        mayBeOurs ||= mayHaveActed(error);
        throw error;
      });
    return this.#persistence.run(`creating the info of run "${info.runId}"`, async (again) => {
      if (await writeAt(0)) return true;
      const newest = await this.#newest(info.runId, again);
      const filed = newest.find((message) => !isMarker(message));
      // Perhaps by our own attempt, whose answer was lost.
      if (filed !== undefined) return mayBeOurs && filed.body === JSON.stringify(info);
      const marker = newest.at(-1);
      if (marker !== undefined && (await writeAt(marker.seq))) return true;
      throw new NoAnswer("unavailable", info.runId);
    });
  }

  async replace(info: RunInfo, from: readonly RunStatus[] | null): Promise<void> {
    const body = this.#encode(info);
    const isFinal = info.status === "completed" || info.status === "cancelled";
    await this.#persistence.run(`writing the info of run "${info.runId}"`, (again) =>
      isFinal && from !== null ? this.#file(info, body, from) : this.#move(info, body, again),
    );
  }

  refile(runId: string, current: () => Promise<RunInfo | null>): Promise<boolean> {
    return this.#persistence.run(`filing run "${runId}" anew`, async (again) => {
      const newest = await this.#newest(runId, again);
      const info = await current();
      if (info === null) return false;
      const [first, ...others] = this.#filed(newest).map(readFiled);
      if (others.length === 0 && first != null && saysTheSame(first.info, info)) return false;
      await this.#writeOver(info, this.#encode(info), newest);
      return true;
    });
  }

  get(runId: string): Promise<RunInfo | null> {
    return this.#persistence.run(`reading the info of run "${runId}"`, async () => {
      const [best] = bestFirst(await this.#table.list(anyKey(runId)));
      if (best !== undefined) return best.info;
      // A replica that is behind may not have heard of a run that this very client has just filed.
      const newest = await this.#newest(runId, true);
      const [late] = bestFirst(this.#filed(newest));
      return late?.info ?? null;
    });
  }

  list(filter: RunFilter, limit: number, cursor: string | null): Promise<Page<RunInfo>> {
    return this.#persistence.run("listing runs", () =>
      listRuns(this.#table, filter, limit, cursor),
    );
  }

  scan(status: RunStatus, from: ScanPlace | null, limit: number): Promise<RunScan> {
    return this.#persistence.run("reading the runs of a status", () =>
      scanRuns(this.#table, status, from, limit),
    );
  }

  misfiled(infos: readonly RunInfo[]): Promise<ReadonlySet<string>> {
    return this.#persistence.run("reading how runs are filed", () =>
      misfiledRuns(this.#table, infos),
    );
  }

  watchEnded(onEnded: (info: RunInfo) => void, trouble?: WatchTrouble): Promise<() => void> {
    return this.#ended.add(onEnded, trouble);
  }

  async remove(runId: string): Promise<void> {
    await this.#persistence.run(`removing the info of run "${runId}"`, async () => {
      const entries = await this.#table.list(anyKey(runId));
      // Guarded: what somebody has filed there since is another run of that id.
      await Promise.all(
        entries.map(({ key, revision }) => this.#table.removeAt(key, revision, MARKER_TTL_S)),
      );
    });
  }

  /** @param again - true where a write has failed on what was read: it may have been old (F6) */
  #newest(runId: string, again: boolean): Promise<StoredMessage[]> {
    return again ? this.#table.newestOfLeader(anyKey(runId)) : this.#table.newest(anyKey(runId));
  }

  #filed(messages: readonly StoredMessage[]): Entry[] {
    return messages.filter((message) => !isMarker(message)).map((m) => this.#table.toEntry(m));
  }

  #encode(info: RunInfo): Uint8Array {
    return this.#table.encode(info, `the info of run "${info.runId}"`);
  }

  /** Writes a final status (F3). One connection keeps the order: the new key is there before the old ones go. */
  async #file(info: RunInfo, body: Uint8Array, from: readonly RunStatus[]): Promise<void> {
    const old = from.filter((status) => status !== info.status);
    await Promise.all([
      this.#table.put(keyOf(info, info.status), body, this.#ttl),
      ...old.map((status) => this.#table.remove(keyOf(info, status), MARKER_TTL_S)),
    ]);
  }

  /** Writes where nothing newer is filed (F3). */
  async #move(info: RunInfo, body: Uint8Array, again: boolean): Promise<void> {
    const newest = await this.#newest(info.runId, again);
    const runs = this.#filed(newest).map(readFiled);
    if (runs.some((run) => run !== null && run.info.revision > info.revision)) return;
    await this.#writeOver(info, body, newest);
  }

  /** Writes if `newest` still is what is filed, and takes away what that was. @throws NoAnswer where it is not */
  async #writeOver(
    info: RunInfo,
    body: Uint8Array,
    newest: readonly StoredMessage[],
  ): Promise<void> {
    const seq = newest.reduce((highest, message) => Math.max(highest, message.seq), 0);
    if (!(await this.#writeAt(info, body, seq))) throw new NoAnswer("unavailable", info.runId);
    const key = keyOf(info, info.status);
    const old = this.#filed(newest).filter((entry) => entry.key !== key);
    // Guarded: what somebody has filed there since is newer than what was read.
    await Promise.all(
      old.map(({ key: oldKey, revision }) => this.#table.removeAt(oldKey, revision, MARKER_TTL_S)),
    );
  }

  /** Writes if `revision` is the newest of all keys of the run. @returns false where it is not */
  async #writeAt(info: RunInfo, body: Uint8Array, revision: number): Promise<boolean> {
    const key = keyOf(info, info.status);
    const ttl = isTerminal(info.status) ? this.#ttl : 0;
    try {
      await this.#table.update(key, body, revision, ttl, anyKey(info.runId));
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }
}

/** What is filed of one run, the right one first. */
function bestFirst(entries: readonly Entry[]): FiledRun[] {
  const runs = entries.map(readFiled).filter((run) => run !== null);
  return runs.sort((a, b) => (isBetter(a, b) ? -1 : 1));
}

const anyKey = (runId: string): string => `*.*.${toToken(runId)}`;

const keyOf = (info: RunInfo, status: RunStatus): string =>
  `${info.workflow}.${status}.${toToken(info.runId)}`;

/** Keys of ended runs, for watching. */
export const ENDED_KEYS: readonly string[] = RUN_STATUSES.filter(isTerminal).map(
  (status) => `*.${status}.*`,
);
