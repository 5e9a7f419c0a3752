import type { RunStatus } from "../core/checkpoint/checkpoint.ts";
import type { RunScan, ScanPlace } from "../core/ports/stores.ts";
import { type RunInfo, saysTheSame } from "../core/records/run-info.ts";
import { toToken } from "../core/token.ts";
import { isMarker, type KvTable } from "./kv-table.ts";
import { type FiledRun, readFiled } from "./run-record.ts";

// Reads of run infos by those who want no order but the stream's: what is read costs one request for many, wherever the
// entries lie.

/** Runs that one request asks for: each may have a key or a marker under every status, and the server gives 1,024. */
const CHUNK = 200;

/** The next entries that are filed under the status. */
export async function scanRuns(
  table: KvTable,
  status: RunStatus,
  from: ScanPlace | null,
  limit: number,
): Promise<RunScan> {
  const { after, upTo } = from ?? { after: 0, upTo: (await table.reader.bounds()).last };
  const { messages, more } = await table.reader.from(
    table.subject(`*.${status}.*`),
    after + 1,
    limit,
  );
  // By key: of two messages the later one counts, and it may say that the run is filed there no more.
  const infos = new Map<string, RunInfo>();
  for (const message of messages) {
    if (message.seq > upTo) break;
    const filed = isMarker(message) ? null : readFiled(table.toEntry(message));
    if (filed === null) infos.delete(message.subject);
    else infos.set(message.subject, filed.info);
  }
  const last = messages.at(-1)?.seq ?? upTo;
  return {
    infos: [...infos.values()],
    next: more && last < upTo ? { after: last, upTo } : null,
  };
}

/** Ids of the runs that are not filed as this says, and of those that are filed twice. */
export async function misfiledRuns(
  table: KvTable,
  infos: readonly RunInfo[],
): Promise<ReadonlySet<string>> {
  const wrong = new Set(infos.map(({ runId }) => runId));
  for (let at = 0; at < infos.length; at += CHUNK) {
    const chunk = infos.slice(at, at + CHUNK);
    const subjects = chunk.map(({ runId }) => table.subject(`*.*.${toToken(runId)}`));
    const filed = new Map<string, (FiledRun | null)[]>();
    for (const message of (await table.reader.lastOfFew(subjects)) ?? []) {
      if (isMarker(message)) continue;
      const entry = table.toEntry(message);
      const token = entry.key.slice(entry.key.lastIndexOf(".") + 1);
      filed.set(token, [...(filed.get(token) ?? []), readFiled(entry)]);
    }
    for (const info of chunk) {
      const [first, ...others] = filed.get(toToken(info.runId)) ?? [];
      if (others.length === 0 && first != null && saysTheSame(first.info, info))
        wrong.delete(info.runId);
    }
  }
  return wrong;
}
