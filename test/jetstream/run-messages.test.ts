import { expect, test } from "vitest";
import { namesOf } from "../../src/jetstream/names.ts";
import type { Requester } from "../../src/jetstream/requester.ts";
import { RunMessages } from "../../src/jetstream/run-messages.ts";
import { Signing } from "../../src/jetstream/signing.ts";

/** Two messages of one subject. Reads show the later one, as a stream does. */
function scene() {
  const stored = new Set([10, 11]);
  const lastOfEach = async () => [...stored].slice(-1).map((seq) => ({ seq }));
  const messages = new RunMessages(
    {} as Requester,
    namesOf("ns"),
    new Signing(null, null),
    () => true,
  );
  return { stored, lastOfEach, messages };
}

test("a message that goes between the look and the drop does not hide an older one of its subject", async () => {
  const { stored, lastOfEach, messages } = scene();
  const remove = async (seq: number): Promise<boolean> => {
    // Its worker acknowledges it at this moment.
    if (seq === 11) {
      stored.delete(11);
      return false;
    }
    return stored.delete(seq);
  };
  Object.assign(messages, {
    reader: { lastOfEach },
    delete: remove,
    purgeSchedules: async () => 0,
  });
  expect(await messages.drop("w", "r")).toBe(1);
  expect([...stored]).toEqual([]);
});

test("a message that is shown and cannot be dropped does not keep a cancel for ever", async () => {
  const { stored, lastOfEach, messages } = scene();
  const remove = async (): Promise<boolean> => false;
  Object.assign(messages, {
    reader: { lastOfEach },
    delete: remove,
    purgeSchedules: async () => 0,
  });
  expect(await messages.drop("w", "r")).toBe(0);
  expect([...stored]).toEqual([10, 11]);
});
