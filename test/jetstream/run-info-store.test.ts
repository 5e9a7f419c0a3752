import { JetStreamApiError } from "@nats-io/jetstream";
import { describe, expect, it, test } from "vitest";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { toToken } from "../../src/core/token.ts";
import type { EndedWatch } from "../../src/jetstream/ended-watch.ts";
import { type Entry, KvTable } from "../../src/jetstream/kv-table.ts";
import type { Link } from "../../src/jetstream/link.ts";
import { NoAnswer } from "../../src/jetstream/no-answer.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import type { Requester } from "../../src/jetstream/requester.ts";
import { JetStreamRunInfoStore } from "../../src/jetstream/run-info-store.ts";
import type { StoredMessage } from "../../src/jetstream/stored-message.ts";
import type { StreamReader } from "../../src/jetstream/stream-reader.ts";
import { API_CODE } from "../../src/jetstream/translate-error.ts";

const info: RunInfo = {
  runId: "r",
  workflow: "orders",
  version: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  inputHash: "h",
  revision: 0,
  status: "running",
};
const entry: Entry = {
  key: `orders.running.${toToken("r")}`,
  body: JSON.stringify(info),
  revision: 7,
  writtenAt: 0,
};

/** The run's entry as the stream keeps it. @param at - revision of the checkpoint that it shows */
const of = (seq: number, at: number): StoredMessage => ({
  subject: entry.key,
  seq,
  storedAt: 0,
  headers: undefined,
  body: JSON.stringify({ ...info, revision: at }),
  pending: 0,
});
const toEntry = ({ subject: key, seq: revision, body, storedAt: writtenAt }: StoredMessage) => ({
  key,
  body,
  revision,
  writtenAt,
});

/** A store over a table that can do this. */
function storeOn(table: Partial<KvTable>): JetStreamRunInfoStore {
  const persistence = {
    run: (_what: string, attempt: (again: boolean) => Promise<unknown>) =>
      attempt(false).catch((error: unknown) => {
        if (error instanceof NoAnswer) return attempt(true);
        throw error;
      }),
  };
  return new JetStreamRunInfoStore(
    table as KvTable,
    persistence as unknown as Persistence,
    {} as EndedWatch,
    60_000,
  );
}

test("a run that the replica which was asked has not heard of is asked of the leader", async () => {
  const behind = storeOn({
    list: async () => [],
    newestOfLeader: async () => [of(7, 0)],
    toEntry,
  });
  expect(await behind.get("r")).toMatchObject({ runId: "r", status: "running" });
  const nobody = storeOn({ list: async () => [], newestOfLeader: async () => [] });
  expect(await nobody.get("r")).toBeNull();
});

test("a run is removed as it was read, and not what somebody has filed there since", async () => {
  const removed: [string, number][] = [];
  const store = storeOn({
    list: async () => [entry],
    removeAt: async (key, revision) => {
      removed.push([key, revision]);
    },
  });
  await store.remove("r");
  expect(removed).toEqual([[entry.key, 7]]);
});

describe("a replica that stays behind", () => {
  /** A table whose newest entry is at 9, and where any replica that is asked still shows the one at 7. */
  function lagging(written: string[]): Partial<KvTable> {
    return {
      encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
      toEntry,
      newest: async () => [of(7, 1)],
      newestOfLeader: async () => [of(9, 2)],
      removeAt: async () => {},
      update: async (key, _body, revision) => {
        if (revision !== 9)
          throw new JetStreamApiError({
            code: 400,
            err_code: API_CODE.wrongLastSequence,
            description: "wrong last sequence",
          });
        written.push(key);
        return 10;
      },
    };
  }

  it("does not keep a run from being filed anew", async () => {
    const written: string[] = [];
    const paused: RunInfo = { ...info, revision: 3, status: "paused" };
    expect(await storeOn(lagging(written)).refile("r", async () => paused)).toBe(true);
    expect(written).toEqual([`orders.paused.${toToken("r")}`]);
  });

  it("does not keep a run from moving, or an older status from being refused", async () => {
    const written: string[] = [];
    const store = storeOn(lagging(written));
    await store.replace({ ...info, revision: 3, status: "paused" }, ["running"]);
    expect(written).toEqual([`orders.paused.${toToken("r")}`]);
    await store.replace({ ...info, revision: 1, status: "paused" }, ["running"]);
    expect(written).toHaveLength(1);
  });
});

test("what the leader has of several keys is given only where none was written while they were read", async () => {
  const table = new KvTable({} as Link, {} as Requester, "KV_b", "$KV.b.");
  const asked: string[] = [];
  const reads = (last: number, seqs: readonly number[]): void => {
    const reader: Partial<StreamReader> = {
      lastFromLeader: async (subject) => {
        asked.push(subject);
        return of(last, 0);
      },
      missing: async () => seqs.map((seq) => of(seq, 0)),
    };
    Object.assign(table, { reader });
  };
  reads(9, [9, 7]);
  expect((await table.newestOfLeader("*.*.r")).map(({ seq }) => seq)).toEqual([7, 9]);
  // The key at 8 was read before it was written, the one at 11 after: together they never were there.
  reads(9, [6, 11]);
  await expect(table.newestOfLeader("*.*.r")).rejects.toBeInstanceOf(NoAnswer);
  expect(asked).toEqual(["$KV.b.*.*.r", "$KV.b.*.*.r"]);
});
