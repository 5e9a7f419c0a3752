import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type CounterHandle,
  counter,
  type EventLogHandle,
  eventLog,
  fixed,
  initialContext,
  latest,
  mergeContext,
  openContext,
  set,
} from "../../src/workflows/index.ts";
import { env } from "./context-of.ts";

const context = {
  currency: fixed(z.enum(["EUR", "USD"])),
  seen: counter(),
  log: eventLog<string>(),
  note: latest<string>(),
  tags: set<string>(),
};
const workflow = { name: "order", context };

describe("the context that a run starts with", () => {
  test("has a value for each field", () => {
    expect(initialContext(workflow, undefined)).toEqual({
      currency: null,
      seen: 0,
      log: [],
      note: null,
      tags: [],
    });
  });

  test("takes what is given", () => {
    expect(
      initialContext(workflow, {
        currency: "EUR",
        seen: 2,
        log: ["a"],
        note: "n",
        tags: ["b", "a"],
      }),
    ).toEqual({
      currency: "EUR",
      seen: 2,
      log: [
        {
          id: "00000000-0000-7000-8000-000000000000",
          at: "1970-01-01T00:00:00.000Z",
          event: "a",
        },
      ],
      note: { value: "n", at: "1970-01-01T00:00:00.000Z", id: "" },
      tags: ["a", "b"],
    });
  });

  test("is refused where a name is no field", () => {
    expect(() => initialContext(workflow, { curency: "EUR" })).toThrow(
      'workflow "order" has no context field "curency"; it has "currency", "seen", "log", "note", "tags"',
    );
    expect(() => initialContext({ name: "bare", context: {} }, { a: 1 })).toThrow(/it has none/);
    expect(() => initialContext(workflow, JSON.parse('{"__proto__": 1}'))).toThrow(/"__proto__"/);
  });

  test("is refused where a value does not fit", () => {
    expect(() => initialContext(workflow, { currency: "GBP" })).toThrow(
      /the context field "currency" of workflow "order" does not fit/,
    );
    expect(() => initialContext(workflow, { currency: null })).toThrow(/does not fit/);
  });

  test.each([[[]], ["text"], [1]])("is refused where it is %j", (given) => {
    expect(() => initialContext(workflow, given)).toThrow(/must be an object/);
  });
});

describe("an open context", () => {
  test("gives no delta where nothing was written", () => {
    const { handles, takeDelta } = openContext(context, {}, env());
    expect((handles["seen"] as CounterHandle).get()).toBe(0);
    expect(takeDelta()).toBeNull();
  });

  test("merges all that is written to a field into one delta", () => {
    const stored = initialContext(workflow, { seen: 40 });
    const { handles, takeDelta } = openContext(context, stored, env());
    (handles["seen"] as CounterHandle).add(1);
    (handles["seen"] as CounterHandle).add(1);
    const delta = takeDelta();
    expect(delta).toEqual({ seen: 2 });
    expect(mergeContext(context, stored, delta)).toEqual({ ...stored, seen: 42 });
    expect(stored["seen"]).toBe(40);
    expect(takeDelta()).toBeNull();
  });

  test("keeps the order of what is appended, however much that is", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 40 }), (texts) => {
        const { handles, takeDelta } = openContext(context, {}, env());
        for (const text of texts) (handles["log"] as EventLogHandle<string>).append(text);
        const merged = mergeContext(context, {}, takeDelta());
        const again = openContext(context, merged, env()).handles["log"];
        expect((again as EventLogHandle<string>).all().map(({ event }) => event)).toEqual(texts);
      }),
    );
  });
});

describe("merging a context", () => {
  test("lets stored fields that it does not know pass", () => {
    expect(mergeContext(context, { seen: 1, newer: "x" }, { seen: 1 })).toEqual({
      seen: 2,
      newer: "x",
    });
    expect(mergeContext(context, { seen: 1 }, null)).toEqual({ seen: 1 });
  });

  test("refuses a delta of a field that it does not know", () => {
    expect(() => mergeContext(context, {}, { newer: 1 })).toThrow(/no context field "newer"/);
    expect(() => mergeContext(context, {}, { constructor: 1 })).toThrow(/"constructor"/);
  });

  test("brings deltas of parallel nodes to the same sum, in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const deltas = numbers.map((by, index) => {
          const { handles, takeDelta } = openContext(context, {}, env(index, `${index}-`));
          (handles["seen"] as CounterHandle).add(by);
          (handles["log"] as EventLogHandle<string>).append(`event ${index}`);
          return takeDelta();
        });
        const forth = deltas.reduce(
          (stored, delta) => mergeContext(context, stored ?? {}, delta),
          {},
        );
        const back = deltas.reduceRight(
          (stored, delta) => mergeContext(context, stored ?? {}, delta),
          {},
        );
        expect(forth).toEqual(back);
      }),
    );
  });
});
