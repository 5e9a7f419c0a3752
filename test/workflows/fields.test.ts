import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyField,
  counter,
  eventLog,
  type FieldEnv,
  field,
  fieldEnv,
  fixed,
  latest,
  set,
} from "../../src/workflows/index.ts";
import { env } from "./context-of.ts";

const keys = fc.constantFrom("a", "b", "c", "d", "e");
const value = fc.jsonValue({ maxDepth: 2 });
const time = fc.integer({ min: 0, max: 50 }).map((ms) => new Date(ms).toISOString());
const stamp = fc.record({ at: time, id: keys });

const events = eventLog<unknown>() as AnyField;
/** Logs as merges give them. An id stands for one event, so time and content follow from it. */
const logs = fc
  .array(keys)
  .map((ids) =>
    ids
      .map((id) => [{ at: new Date(id.charCodeAt(0) % 3).toISOString(), id, event: `event ${id}` }])
      .reduce<unknown>((left, right) => events.merge(left, right), events.empty),
  );
const sets = set<unknown>() as AnyField;
const widest = field({ empty: 0, merge: Math.max });

const every: readonly [name: string, made: AnyField, stored: fc.Arbitrary<unknown>][] = [
  ["fixed", fixed<string>() as AnyField, fc.option(fc.string())],
  [
    "latest",
    latest<unknown>() as AnyField,
    fc.option(fc.tuple(stamp, value).map(([at, it]) => ({ ...at, value: it }))),
  ],
  ["counter", counter() as AnyField, fc.integer({ min: -1e9, max: 1e9 })],
  ["set", sets, fc.array(value).map((values) => sets.merge([], values))],
  ["eventLog", events, logs],
  ["own", widest as AnyField, fc.nat()],
];

describe.each(every)("%s", (_name, made, stored) => {
  test("has an empty value that changes nothing", () => {
    fc.assert(
      fc.property(stored, (x) => {
        expect(made.merge(made.empty, x)).toEqual(x);
        expect(made.merge(x, made.empty)).toEqual(x);
      }),
    );
  });

  test("merges in groups as it merges one by one", () => {
    fc.assert(
      fc.property(stored, stored, stored, (a, b, c) => {
        expect(made.merge(made.merge(a, b), c)).toEqual(made.merge(a, made.merge(b, c)));
      }),
    );
  });

  test("changes neither of what it merges", () => {
    fc.assert(
      fc.property(stored, stored, (a, b) => {
        const before = JSON.stringify([a, b]);
        made.merge(a, b);
        expect(JSON.stringify([a, b])).toBe(before);
      }),
    );
  });
});

test.each(every.filter(([name]) => name !== "fixed"))(
  "%s merges in any order to the same",
  (_name, made, stored) => {
    fc.assert(
      fc.property(stored, stored, (a, b) => {
        expect(made.merge(a, b)).toEqual(made.merge(b, a));
      }),
    );
  },
);

/** Opens a field on a stored value, and collects its deltas. */
function opened<T, Handle>(
  made: { open(current: T, emit: (delta: T) => void, env: FieldEnv, what: string): Handle },
  current: T,
  at = env(),
): { handle: Handle; deltas: T[] } {
  const deltas: T[] = [];
  return { handle: made.open(current, (delta) => deltas.push(delta), at, "the field"), deltas };
}

describe("a fixed field", () => {
  const made = fixed(z.enum(["EUR", "USD"]));

  test("gives what it was set to, and refuses to be read before", () => {
    const { handle } = opened(made, null);
    expect(handle.isSet()).toBe(false);
    expect(() => handle.get()).toThrow(expect.objectContaining({ code: "illegal_state" }));
    expect(opened(made, "EUR").handle.get()).toBe("EUR");
  });

  test("keeps the first value", () => {
    const { handle, deltas } = opened(made, null);
    handle.set("EUR");
    handle.set("USD");
    expect(handle.get()).toBe("EUR");
    expect(deltas).toEqual(["EUR"]);
  });

  test("refuses what its schema does", () => {
    expect(() => opened(made, null).handle.set("GBP" as "EUR")).toThrow(/does not fit/);
    expect(() => made.initial("GBP", "the currency")).toThrow(/the currency does not fit/);
  });
});

describe("a latest field", () => {
  const made = latest<{ n: number }>();

  test("gives null, then what was set last", () => {
    const { handle, deltas } = opened(made, null, env(10));
    expect(handle.get()).toBeNull();
    handle.set({ n: 1 });
    handle.set({ n: 2 });
    expect(handle.get()).toEqual({ n: 2 });
    expect(deltas.reduce((a, b) => made.merge(a, b), made.empty)).toMatchObject({
      value: { n: 2 },
      at: "1970-01-01T00:00:00.010Z",
    });
  });

  test("lets a write that has seen another one win, whatever the clocks say", () => {
    const first = opened(made, null, env(1_000));
    first.handle.set({ n: 1 });
    const stored = first.deltas[0] ?? null;
    const second = opened(made, stored, env(10));
    second.handle.set({ n: 2 });
    expect(made.merge(stored, second.deltas[0] ?? null)?.value).toEqual({ n: 2 });
  });

  test("takes any write for newer than what the run was started with", () => {
    const stored = made.initial({ n: 0 }, "it");
    const { handle, deltas } = opened(made, stored, env(0));
    handle.set({ n: 1 });
    expect(made.merge(stored, deltas[0] ?? null)?.value).toEqual({ n: 1 });
  });

  test("neither hands out nor takes in what others can change", () => {
    const given = { n: 1 };
    const { handle } = opened(made, null);
    handle.set(given);
    given.n = 2;
    const got = handle.get();
    expect(got).toEqual({ n: 1 });
    expect(() => {
      if (got) got.n = 3;
    }).toThrow(TypeError);
  });
});

describe("a counter", () => {
  test("adds up", () => {
    const { handle, deltas } = opened(counter(), 5);
    handle.add();
    handle.add(-3);
    expect(handle.get()).toBe(3);
    expect(deltas).toEqual([1, -3]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, "1" as unknown as number])(
    "refuses to add %s",
    (by) => {
      expect(() => opened(counter(), 0).handle.add(by)).toThrow(/finite number/);
      expect(() => counter().initial(by, "the count")).toThrow(/the count does not fit/);
    },
  );
});

describe("a set", () => {
  const made = set<{ a: number; b?: number }>();

  test("compares values as JSON, whatever the order of their keys", () => {
    const { handle, deltas } = opened(made, [{ a: 1, b: 2 }]);
    handle.add({ b: 2, a: 1 });
    handle.add({ a: 0 });
    handle.add({ a: 0 });
    expect(handle.has({ b: 2, a: 1 })).toBe(true);
    expect(handle.has({ a: 2 })).toBe(false);
    expect(handle.size()).toBe(2);
    expect(handle.values()).toEqual([{ a: 0 }, { a: 1, b: 2 }]);
    expect(handle.values()).toBe(handle.values());
    expect(deltas).toEqual([[{ a: 0 }]]);
  });

  test("is started with each value once", () => {
    expect(set(z.number()).initial([2, 1, 2], "it")).toEqual([1, 2]);
    expect(() => set(z.number()).initial([1, "2"], "the ids")).toThrow(/the ids does not fit: 1: /);
    expect(() => made.initial({}, "the ids")).toThrow(/expected an array/);
  });
});

describe("an event log", () => {
  const made = eventLog<string>();

  test("keeps events in order and replays them", () => {
    const { handle, deltas } = opened(made, made.initial(["a", "b"], "it"), env(5));
    expect(handle.all().map(({ event }) => event)).toEqual(["a", "b"]);
    handle.append("c");
    handle.append("d");
    expect(handle.all().map(({ event }) => event)).toEqual(["a", "b", "c", "d"]);
    expect(handle.fold((text, event) => text + event, "")).toBe("abcd");
    expect(deltas.flat().map(({ at }) => at)).toEqual(Array(2).fill("1970-01-01T00:00:00.005Z"));
    expect(() => (handle.all() as unknown[]).push("e")).toThrow(TypeError);
  });

  test("has an event after those that its writer saw, whatever the clocks say", () => {
    const first = opened(made, made.empty, env(1_000));
    first.handle.append("first");
    const stored = first.deltas[0] ?? [];
    const second = opened(made, stored, env(10));
    second.handle.append("second");
    expect(made.merge(stored, second.deltas[0] ?? []).map(({ event }) => event)).toEqual([
      "first",
      "second",
    ]);
  });

  test("refuses events that its schema does", () => {
    const strict = eventLog(z.enum(["a"]));
    expect(() => opened(strict, []).handle.append("b" as "a")).toThrow(
      /an event of the field does not fit/,
    );
    expect(() => strict.initial(["a", "b"], "the log")).toThrow(/the log does not fit: 1: /);
  });
});

describe("a field of one's own", () => {
  test("merges by the function that it was given", () => {
    const { handle, deltas } = opened(widest, 3);
    handle.merge(7);
    handle.merge(5);
    expect(handle.get()).toBe(7);
    expect(deltas).toEqual([7, 5]);
  });

  test("gives its function nothing that it can change", () => {
    const careless = field<string[]>({
      empty: [],
      merge: (left, right) => {
        left.push(...right);
        return left;
      },
    });
    expect(() => careless.merge(["a"], ["b"])).toThrow(TypeError);
  });

  test("refuses what its schema does, and a schema that does not answer at once", () => {
    const even = field({
      empty: 0,
      merge: (a, b) => a + b,
      schema: z.number().multipleOf(2),
      kind: "even",
    });
    expect(even.kind).toBe("even");
    expect(even.initial(2, "it")).toBe(2);
    expect(() => even.initial(1, "it")).toThrow(/it does not fit/);
    expect(() => opened(even, 0).handle.merge(3)).toThrow(
      /what is merged into the field does not fit/,
    );
    const slow = fixed(z.string().refine(async () => false));
    expect(() => slow.initial("x", "it")).toThrow(expect.objectContaining({ code: "definition" }));
  });
});

describe("the environment of fields", () => {
  test("gives ids that rise", () => {
    const { now, newId } = fieldEnv(7);
    const ids = Array.from({ length: 100 }, newId);
    expect(now).toBe(7);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(100);
  });
});
