import { afterEach, expect, test, vi } from "vitest";
import { JetStreamDeadLetterStore } from "../../src/jetstream/dead-letter-store.ts";
import type { Link } from "../../src/jetstream/link.ts";
import type { Names } from "../../src/jetstream/names.ts";
import type { Persistence } from "../../src/jetstream/persist.ts";
import type { Requester } from "../../src/jetstream/requester.ts";
import { StreamReader } from "../../src/jetstream/stream-reader.ts";

const LETTERS = 600;
/** As many as fit into one answer of the server. */
const IN_AN_ANSWER = 250;

afterEach(() => {
  vi.restoreAllMocks();
});

test("a page of dead letters that one answer of the server does not hold skips none", async () => {
  const { prototype } = StreamReader;
  vi.spyOn(prototype, "bounds").mockResolvedValue({ first: 1, last: LETTERS });
  vi.spyOn(prototype, "from").mockImplementation(async (_subject, seq, count) => {
    const size = Math.min(count, IN_AN_ANSWER, LETTERS - seq + 1);
    const messages = Array.from({ length: size }, (_, i) => ({
      ...{ seq: seq + i, storedAt: 0, subject: "x", headers: undefined, body: "" },
      pending: LETTERS - seq - i,
    }));
    return { messages, more: seq + size <= LETTERS };
  });
  const persistence = { run: <T>(_what: string, attempt: () => Promise<T>) => attempt() };
  const store = new JetStreamDeadLetterStore(
    {} as Link,
    {} as Requester,
    persistence as unknown as Persistence,
    { deadStream: "dead", deadAll: "dead.>" } as Names,
  );
  const seen: number[] = [];
  for (let before: number | null = null; ; before = seen.at(-1) ?? null) {
    const page: readonly { readonly id: number }[] = await store.list(400, before);
    if (page.length === 0) break;
    seen.push(...page.map(({ id }) => id));
  }
  expect(seen).toEqual(Array.from({ length: LETTERS }, (_, i) => LETTERS - i));
});
