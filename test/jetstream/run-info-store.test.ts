import { expect, test } from "vitest";
import type { RunInfo } from "../../src/core/records/run-info.ts";
import { toToken } from "../../src/core/token.ts";
import type { EndedWatch } from "../../src/jetstream/ended-watch.ts";
import type { Entry, KvTable } from "../../src/jetstream/kv-table.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import { JetStreamRunInfoStore } from "../../src/jetstream/run-info-store.ts";

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

/** A store over a table that can do this. */
function storeOn(table: Partial<KvTable>): JetStreamRunInfoStore {
  const persistence = { run: (_what: string, attempt: () => Promise<unknown>) => attempt() };
  return new JetStreamRunInfoStore(
    table as KvTable,
    persistence as unknown as Persistence,
    {} as EndedWatch,
    60_000,
  );
}

test("a run that the replica which was asked has not heard of is asked of the leader", async () => {
  const behind = storeOn({ list: async () => [], listAll: async () => [entry] });
  expect(await behind.get("r")).toMatchObject({ runId: "r", status: "running" });
  const nobody = storeOn({ list: async () => [], listAll: async () => [] });
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
