import { expect, it } from "vitest";
import type { KvTable } from "../../src/jetstream/kv-table.ts";
import { JetStreamLivenessStore } from "../../src/jetstream/liveness-store.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import { heartbeatOf } from "../conformance/fixtures.ts";

/** For how long the answer to a heartbeat is waited for, in milliseconds; 0: as long as usual. */
async function waitOf(nextMs: number | undefined, isAlone: boolean): Promise<number> {
  const waits: number[] = [];
  const table = {
    encode: () => new Uint8Array(),
    put: async (_key: string, _body: Uint8Array, _ttl: number, waitMs: number) => {
      waits.push(waitMs);
    },
  };
  const persistence = { run: (_what: string, attempt: () => unknown) => attempt() };
  const store = new JetStreamLivenessStore(
    table as unknown as KvTable,
    persistence as unknown as Persistence,
    () => true,
    () => isAlone,
  );
  await store.put({ ...heartbeatOf("w"), nextMs });
  expect(waits).toHaveLength(1);
  return waits[0] ?? -1;
}

it.each([
  ["that rests, on a server that is alone", 20_000, true, 20_000],
  ["that executes", 5_000, true, 5_000],
  ["with long pauses", 600_000, true, 20_000],
  ["that does not say when the next is", undefined, true, 0],
  ["that rests, in a cluster, where the leader may take it with it", 20_000, false, 0],
])("waits for the answer to the heartbeat of a worker %s", async (_, nextMs, isAlone, waitMs) => {
  expect(await waitOf(nextMs, isAlone)).toBe(waitMs);
});
