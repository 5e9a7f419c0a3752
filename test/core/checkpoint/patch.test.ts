import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyPatch, type Depth, type Patch, patchOf } from "../../../src/core/checkpoint/patch.ts";

const DEPTH: Depth = {
  keys: { each: { each: "whole" }, deep: { each: { each: "whole" } }, list: "list" },
};

/** The patch as whoever reads it has it. */
const sent = (patch: Patch | null): Patch => JSON.parse(JSON.stringify(patch ?? {})) as Patch;
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const anyValue = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.integer(), { maxKeys: 2 }),
);
const anyName = fc.constantFrom("a", "b", "1", "2", "constructor", "toString", "each", "list");
const anyRecord = fc.dictionary(anyName, anyValue, { maxKeys: 4, noNullPrototype: true });
const anyState = fc.record(
  {
    each: anyRecord,
    deep: fc.dictionary(anyName, anyRecord, { maxKeys: 3, noNullPrototype: true }),
    list: fc.array(fc.integer()),
    other: anyValue,
    maybe: fc.option(anyValue, { nil: undefined }),
  },
  { requiredKeys: ["each", "list"] },
);

/** Takes some of the one and some of the other, and what it takes of the first it takes as it is. */
function mixed(before: object, after: object, chance: () => boolean): object {
  const result: Record<string, unknown> = { ...after };
  for (const [key, value] of Object.entries(before)) {
    if (chance()) result[key] = value;
    else if (isPlain(value) && isPlain(result[key]))
      result[key] = mixed(value, result[key], chance);
  }
  return result;
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

describe("a patch", () => {
  it("of two values makes the second of the first, whatever they are", () => {
    fc.assert(
      fc.property(anyState, anyState, fc.infiniteStream(fc.boolean()), (before, other, chances) => {
        const after = mixed(before, other, () => chances.next().value === true);
        const patch = sent(patchOf(before, after, DEPTH));
        expect(json(applyPatch(json(before), patch))).toEqual(json(after));
      }),
    );
  });

  it("of equal values is none", () => {
    const state = { each: { a: 1 }, deep: { a: { b: [] } }, list: [1], other: {} };
    expect(patchOf(state, { ...state }, DEPTH)).toBeNull();
    expect(
      patchOf(state, { ...state, each: { ...state.each }, list: [...state.list] }, DEPTH),
    ).toBeNull();
  });

  it("has what has changed and nothing else", () => {
    const before = {
      each: { a: 1, b: 2, c: 3 },
      deep: { x: { input: "large", turn: 0 } },
      list: [1, 2],
      other: { of: 1 },
    };
    const after = {
      ...before,
      each: { a: 1, b: 3, d: 4 },
      deep: { x: { ...before.deep.x, turn: 1 } },
      list: [...before.list, 3],
    };
    expect(patchOf(before, after, DEPTH)).toEqual({
      p: {
        each: { s: { b: 3, d: 4 }, d: ["c"] },
        deep: { p: { x: { s: { turn: 1 } } } },
        list: { a: [3] },
      },
    });
  });

  it("sets a list that has not only grown", () => {
    const patch = patchOf({ list: [1, 2] }, { list: [2, 3, 4] }, DEPTH);
    expect(patch).toEqual({ s: { list: [2, 3, 4] } });
    expect(patchOf({ list: [1, 2] }, { list: [1] }, DEPTH)).toEqual({ s: { list: [1] } });
  });

  it("takes a key for a key, whatever it is called", () => {
    const before = { each: json(JSON.parse('{ "__proto__": 1, "constructor": 2 }')) as object };
    const after = { each: JSON.parse('{ "__proto__": 3, "toString": 4 }') as object };
    const made = applyPatch(before, sent(patchOf(before, after, DEPTH)));
    expect(JSON.stringify(made)).toBe('{"each":{"__proto__":3,"toString":4}}');
    expect(Object.getPrototypeOf(Object(made))).toBe(Object.prototype);
  });

  it.each([
    ["adds to what is no list", {}, { a: [1] }],
    ["adds what is no list", [], { a: 1 }],
    ["changes what is no record", [], { s: { a: 1 } }],
    ["sets no record", {}, { s: [1] }],
    ["drops no list", {}, { d: "a" }],
    ["patches no record", {}, { p: 1 }],
    ["patches inside with no patch", { a: {} }, { p: { a: 1 } }],
    ["patches inside what is not there", {}, { p: { a: { s: { b: 1 } } } }],
    ["patches inside what only every object has", {}, { p: { constructor: { s: { b: 1 } } } }],
  ])("that %s is refused", (_, before, patch) => {
    expect(() => applyPatch(before, patch as Patch)).toThrow(TypeError);
  });
});
