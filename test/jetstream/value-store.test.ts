import { expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { KvTable } from "../../src/jetstream/kv-table.ts";
import type { Link } from "../../src/jetstream/link.ts";
import { NoAnswer } from "../../src/jetstream/no-answer.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import type { StoredMessage } from "../../src/jetstream/stored-message.ts";
import { JetStreamValueStore } from "../../src/jetstream/value-store.ts";

/** A store whose leader gives these answers, one after the other and then the last, four seconds apart. */
function scene(answers: readonly (StoredMessage | null)[], hasOneReplica = false) {
  let elapsed = 0;
  let attempts = 0;
  const table = {
    get: async () => null,
    newestFromLeader: async () => answers[attempts++] ?? answers.at(-1) ?? null,
  };
  const persistence = {
    async run<T>(_what: string, attempt: () => Promise<T>): Promise<T> {
      for (;;) {
        try {
          return await attempt();
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error;
          elapsed += 4_000;
        }
      }
    },
  };
  const link = { clock: { ...systemClock, elapsed: () => elapsed } };
  const store = new JetStreamValueStore(
    table as unknown as KvTable,
    link as unknown as Link,
    persistence as unknown as Persistence,
    () => hasOneReplica,
  );
  return { store, attempts: () => attempts };
}

const message = (body: string, headers?: Map<string, string>): StoredMessage =>
  ({ seq: 1, subject: "s", storedAt: 0, body, headers }) as unknown as StoredMessage;

test("a value that a leader does not know of is asked for again", async () => {
  const { store } = scene([null, message("[]")]);
  expect(await store.get("r", "k")).toBe("[]");
});

test("a value is gone once no old leader can have said so", async () => {
  const { store, attempts } = scene([null]);
  expect(await store.get("r", "k")).toBeNull();
  expect(attempts()).toBe(5);
});

test("a value that was removed is gone at once, and with one replica so is one that is not there", async () => {
  const removed = scene([message("", new Map([["KV-Operation", "PURGE"]]))]);
  expect(await removed.store.get("r", "k")).toBeNull();
  expect(removed.attempts()).toBe(1);
  const alone = scene([null], true);
  expect(await alone.store.get("r", "k")).toBeNull();
  expect(alone.attempts()).toBe(1);
});
