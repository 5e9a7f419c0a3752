import { isTerminal, type RunStatus } from "../core/checkpoint/checkpoint.ts";
import type { Page, RunFilter, RunInfoStore, RunScan, ScanPlace } from "../core/ports/stores.ts";
import { type RunInfo, saysTheSame } from "../core/records/run-info.ts";
import { fromCursor } from "../core/run-cursor.ts";
import type { Handle } from "./handle.ts";
import type { Shared } from "./shared.ts";
import type { Table } from "./table.ts";

/** Run infos in memory. Of two that disagree the one of the newer checkpoint stays. */
export class MemoryRunInfoStore implements RunInfoStore {
  readonly #table: Table<RunInfo>;
  readonly #shared: Shared;
  readonly #handle: Handle;

  constructor(table: Table<RunInfo>, shared: Shared, handle: Handle) {
    this.#table = table;
    this.#shared = shared;
    this.#handle = handle;
  }

  async create(info: RunInfo): Promise<boolean> {
    this.#handle.check();
    if (this.#table.create(info.runId, info) === null) return false;
    this.#tell(info, null);
    return true;
  }

  async replace(info: RunInfo): Promise<void> {
    this.#handle.check();
    const before = this.#table.get(info.runId)?.value ?? null;
    if (before !== null && before.revision > info.revision) return;
    this.#table.put(info.runId, info);
    this.#tell(info, before);
  }

  async refile(runId: string, current: () => Promise<RunInfo | null>): Promise<boolean> {
    for (;;) {
      this.#handle.check();
      const before = this.#table.get(runId);
      const info = await current();
      if (info === null || (before !== null && saysTheSame(before.value, info))) return false;
      if (this.#table.get(runId)?.revision !== before?.revision) continue;
      this.#table.put(runId, info);
      this.#tell(info, before?.value ?? null);
      return true;
    }
  }

  async get(runId: string): Promise<RunInfo | null> {
    this.#handle.check();
    return this.#table.get(runId)?.value ?? null;
  }

  async list(filter: RunFilter, limit: number, cursor: string | null): Promise<Page<RunInfo>> {
    this.#handle.check();
    const below = cursor === null ? Number.POSITIVE_INFINITY : fromCursor(cursor);
    const { entries } = this.#table.page(0, Number.POSITIVE_INFINITY);
    const items: RunInfo[] = [];
    let last = below;
    for (const { revision, read } of entries.toReversed()) {
      if (revision >= below) continue;
      const info = read();
      if (!fits(info, filter)) continue;
      if (items.length === limit) return { items, cursor: String(last) };
      items.push(info);
      last = revision;
    }
    return { items, cursor: null };
  }

  async scan(status: RunStatus, from: ScanPlace | null, limit: number): Promise<RunScan> {
    this.#handle.check();
    const { after, upTo } = from ?? { after: 0, upTo: this.#table.revision };
    const { entries, next } = this.#table.page(after, limit);
    const infos = entries
      .filter(({ revision }) => revision <= upTo)
      .map(({ read }) => read())
      .filter((info) => info.status === status);
    return { infos, next: next === null || next >= upTo ? null : { after: next, upTo } };
  }

  async misfiled(infos: readonly RunInfo[]): Promise<ReadonlySet<string>> {
    this.#handle.check();
    const wrong = infos.filter((info) => {
      const filed = this.#table.get(info.runId);
      return filed === null || !saysTheSame(filed.value, info);
    });
    return new Set(wrong.map(({ runId }) => runId));
  }

  async watchEnded(onEnded: (info: RunInfo) => void): Promise<() => void> {
    this.#handle.check();
    const { endedListeners } = this.#shared;
    const listener = (info: RunInfo): void => onEnded(info);
    endedListeners.add(listener);
    return this.#handle.hold(() => endedListeners.delete(listener));
  }

  async remove(runId: string): Promise<void> {
    this.#handle.check();
    this.#table.delete(runId);
  }

  #tell(info: RunInfo, before: RunInfo | null): void {
    if (!isTerminal(info.status)) return;
    if (before?.status === info.status && before.revision === info.revision) return;
    const { endedListeners } = this.#shared;
    for (const listener of endedListeners) {
      const own = structuredClone(info);
      queueMicrotask(() => {
        if (endedListeners.has(listener)) listener(own);
      });
    }
  }
}

function fits(info: RunInfo, filter: RunFilter): boolean {
  const { status, workflow, createdFrom, createdBefore } = filter;
  return (
    (status === undefined || info.status === status) &&
    (workflow === undefined || info.workflow === workflow) &&
    (createdFrom === undefined || info.createdAt >= createdFrom) &&
    (createdBefore === undefined || info.createdAt < createdBefore)
  );
}
