import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import { toJson } from "../../src/core/json.ts";

describe("toJson", () => {
  it("gives what JSON will carry", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        let text: string | undefined;
        try {
          text = JSON.stringify(value);
        } catch {
          text = undefined;
        }
        if (text === undefined) expect(() => toJson(value, "it")).toThrow();
        else {
          const made = toJson(value, "it");
          expect(made).toEqual(JSON.parse(text));
          expect(JSON.stringify(made)).toBe(text);
        }
      }),
    );
  });

  it.each([
    ["a negative zero", { at: [-0] }],
    ["what looks like a prototype", JSON.parse('{"a":{"__proto__":{"b":1}}}')],
    ["what says what it is written as", [{ toJSON: () => "said" }]],
    ["a list with holes", [new Array(2)]],
    ["what has no prototype", { a: Object.assign(Object.create(null), { b: 1 }) }],
    ["boxed values", [Object("s"), Object(1), Object(false)]],
    ["keys in no order", { b: 1, "2": 1, a: 1, "1": 1 }],
  ])("gives %s as JSON does", (_, value) => {
    const made = toJson(value, "it");
    expect(made).toEqual(JSON.parse(JSON.stringify(value)));
    expect(JSON.stringify(made)).toBe(JSON.stringify(value));
  });

  it.each([
    [
      "a property that cannot be read",
      {
        get bad() {
          throw new Error("not now");
        },
      },
    ],
    ["an object that is gone", revoked()],
  ])("refuses %s", (_, value) => {
    expect(() => toJson(value, "it")).toThrow(expect.objectContaining({ code: "validation" }));
  });

  it("shares nothing with what it was given", () => {
    const given = { list: [1] };
    const made = toJson(given, "it");
    given.list.push(2);
    expect(made).toEqual({ list: [1] });
  });

  it("turns dates into text, numbers that are none into null, and leaves out what is undefined", () => {
    const value = { at: new Date(0), none: Number.NaN, gone: undefined };
    expect(toJson(value, "it")).toEqual({ at: "1970-01-01T00:00:00.000Z", none: null });
  });

  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  it.each([
    ["undefined", undefined],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["a bigint", 1n],
    ["a cycle", cycle],
    ["a bigint inside", { deep: [1n] }],
  ])("refuses %s and says of what it is", (_, value) => {
    expect(() => toJson(value, 'the output of node "charge"')).toThrow(
      expect.objectContaining({
        code: "validation",
        message: expect.stringContaining('the output of node "charge" cannot be written as JSON'),
      }),
    );
  });
});

describe("canonical JSON", () => {
  it("is equal for equal values whatever the order of their keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it("is different for different values", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isEqual = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(isEqual);
      }),
    );
  });

  it("carries the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("is the text that hashes were made of from the beginning", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything()), (value) => {
        let text: string | undefined;
        try {
          text = firstForm(value);
        } catch {
          return;
        }
        expect(canonicalJson(value)).toBe(text);
      }),
    );
    const odd = JSON.parse(
      '[{"b":1,"a":{"z":[{"y":1,"x":2}]},"10":1,"9":1},{"__proto__":1,"A":2}]',
    );
    expect(canonicalJson(odd)).toBe(firstForm(odd));
  });

  it("sorts keys, not lists", () => {
    expect(canonicalJson({ b: [2, 1], a: { d: null, c: "x" } })).toBe(
      '{"a":{"c":"x","d":null},"b":[2,1]}',
    );
  });
});

/** As it was written first. Hashes of stored runs are made of it. */
function firstForm(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

/** A list of pairs in place of each object: told apart from a list by its mark. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ["list", value.map(sorted)];
  if (value === null || typeof value !== "object") return value;
  const pairs = Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const);
  return ["object", pairs.sort(([a], [b]) => (a < b ? -1 : 1))];
}
