import { expect, it } from "vitest";
import type { Heartbeat } from "../../src/core/records/liveness.ts";
import { KvTable } from "../../src/jetstream/kv-table.ts";
import type { Link } from "../../src/jetstream/link.ts";
import { JetStreamLivenessStore } from "../../src/jetstream/liveness-store.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import type { RawHeaders } from "../../src/jetstream/raw-headers.ts";
import type { Requester } from "../../src/jetstream/requester.ts";
import { heartbeatOf } from "../conformance/fixtures.ts";

interface Sent {
  readonly heartbeat: Heartbeat;
  /** For how long the answer is waited for, in milliseconds; 0: as long as usual. */
  readonly answerMs: number | undefined;
  readonly headers: string;
}

/** What is sent to write the heartbeat when `attempts` are made. */
async function sent(
  say: () => Heartbeat | null,
  { isAlone = true, attempts = 1 } = {},
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const requester = {
    request: async (
      _subject: string,
      body: Uint8Array,
      headers: RawHeaders,
      _read: unknown,
      answerMs?: number,
    ) => {
      const heartbeat = JSON.parse(new TextDecoder().decode(body)) as Heartbeat;
      const text = new TextDecoder().decode(headers.encode());
      sent.push({ heartbeat, answerMs, headers: text });
    },
  } as unknown as Requester;
  const link = { encode: (json: string) => new TextEncoder().encode(json) } as unknown as Link;
  const persistence = {
    run: async (_what: string, attempt: (again: boolean) => Promise<unknown>) => {
      for (let n = 0; n < attempts; n++) await attempt(n > 0);
    },
  } as unknown as Persistence;
  const table = new KvTable(link, requester, "KV_liveness", "$KV.liveness.");
  const one = () => true;
  await new JetStreamLivenessStore(table, persistence, one, () => isAlone).put(say);
  return sent;
}

const saying = (nextMs: number | undefined) => () =>
  heartbeatOf("w", nextMs === undefined ? {} : { nextMs });

it.each([
  ["that rests, on a server that is alone", 20_000, true, 20_000],
  ["that executes", 5_000, true, 5_000],
  ["with long pauses", 600_000, true, 20_000],
  ["that does not say when the next is", undefined, true, 0],
  ["that rests, in a cluster, where the leader may take it with it", 20_000, false, 0],
])("waits for the answer to the heartbeat of a worker %s", async (_, nextMs, isAlone, waitMs) => {
  expect(await sent(saying(nextMs), { isAlone })).toMatchObject([{ answerMs: waitMs }]);
});

it.each([
  [undefined, "600s"],
  [20_000, "600s"],
  [600_000, "3300s"],
])(
  "keeps a worker that said its next heartbeat in %s ms until it is seen as dead",
  async (nextMs, ttl) => {
    const [first] = await sent(saying(nextMs));
    expect(first?.headers).toContain(`Nats-TTL: ${ttl}\r\n`);
  },
);

it("makes the heartbeat anew when it has to be repeated, and writes none for a worker that has stopped", async () => {
  const said = [heartbeatOf("w", { completed: 1 }), heartbeatOf("w", { completed: 2 }), null];
  const wrote = await sent(() => said.shift() ?? null, { attempts: 4 });
  expect(wrote.map(({ heartbeat }) => heartbeat.completed)).toEqual([1, 2]);
  expect(await sent(() => null)).toEqual([]);
});
