import { expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { JetStreamContextStore } from "../../src/jetstream/context-store.ts";
import type { Entry, KvTable } from "../../src/jetstream/kv-table.ts";
import { NoAnswer } from "../../src/jetstream/no-answer.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import { checkpointOf } from "../conformance/fixtures.ts";

/** A store of three replicas whose only entry, where it has one, is at revision 5, and whose clock goes on by four seconds with each attempt. */
function scene(hasOneReplica = false, isEmpty = false) {
  let elapsed = 0;
  let last = 5;
  let attempts = 0;
  const entry: Entry = {
    key: "r",
    body: JSON.stringify(checkpointOf("r")),
    revision: 5,
    writtenAt: 0,
  };
  const reader = { bounds: async () => ({ first: 1, last }) };
  const message = { seq: 5, headers: "" };
  const table = {
    get: async () => entry,
    newestFromLeader: async () => (isEmpty ? null : message),
    toEntry: () => entry,
    reader,
  };
  const persistence = {
    async run<T>(_what: string, attempt: () => Promise<T>): Promise<T> {
      for (;;) {
        attempts += 1;
        try {
          return await attempt();
        } catch (error) {
          if (!(error instanceof NoAnswer) || attempts > 100) throw error;
          elapsed += 4_000;
        }
      }
    },
  };
  const clock = { ...systemClock, elapsed: () => elapsed };
  const options = { clock, hasOneReplica: () => hasOneReplica, retentionMs: 1_000 };
  const store = new JetStreamContextStore(
    table as unknown as KvTable,
    persistence as unknown as Persistence,
    options,
  );
  const heal = (revision: number): void => {
    last = revision;
  };
  return { store, attempts: () => attempts, heal };
}

test("no entry is no answer where there must be one, until an old leader would have stepped down", async () => {
  const { store, attempts } = scene(false, true);
  expect(await store.get("r", 6)).toBeNull();
  expect(attempts()).toBe(5);
  expect(await store.get("r")).toBeNull();
  expect(attempts()).toBe(6);
});

test("a leader that knows less than was acknowledged is asked again until an old one would have stepped down", async () => {
  const { store, attempts } = scene();
  await expect(store.get("r", 6)).rejects.toMatchObject({
    code: "backend",
    details: { revision: 5, atLeast: 6 },
  });
  expect(attempts()).toBe(5);
  expect(await store.get("r", 5)).toMatchObject({ revision: 5 });
});

test("a newest revision that is smaller than one that was heard of is given once no old leader can have said it", async () => {
  const { store, attempts } = scene();
  expect(await store.newestRevision(6)).toBe(5);
  expect(attempts()).toBe(5);
  expect(await store.newestRevision(5)).toBe(5);
  expect(await store.newestRevision()).toBe(5);
  expect(attempts()).toBe(7);
});

test("a newest revision that an old leader does not know is asked for until the new one answers", async () => {
  const { store, heal } = scene();
  const asked = store.newestRevision(6);
  heal(8);
  expect(await asked).toBe(8);
});

test("with one replica a smaller newest revision is given at once", async () => {
  const { store, attempts } = scene(true);
  expect(await store.newestRevision(6)).toBe(5);
  expect(attempts()).toBe(1);
});
