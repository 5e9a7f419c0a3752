import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newCheckpoint } from "../../src/core/checkpoint/checkpoint.ts";
import {
  fromStoredText,
  toStoredJson,
  toStoredText,
} from "../../src/core/checkpoint/stored-form.ts";
import type { Json } from "../../src/core/json.ts";
import {
  forgetJson,
  hasJson,
  type JsonPart,
  joinJson,
  jsonIn,
  noteSource,
  objectJson,
  passJson,
} from "../../src/core/json-texts.ts";

const LARGE = "x".repeat(5_000);

const textOf = (part: JsonPart): string =>
  typeof part === "string" ? part : Buffer.from(part).toString();

describe("JSON that is made once", () => {
  it("is that of the value, whatever is in it", () => {
    const strings = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));
    const some = fc.oneof(fc.jsonValue(), strings, fc.constantFrom("\ud800", "\u2028", "\u007f"));
    fc.assert(
      fc.property(some, fc.boolean(), (value, isLarge) => {
        const put = isLarge && typeof value === "string" ? LARGE + value : value;
        const holder = { a: put as Json };
        const first = textOf(jsonIn(holder, "a", holder.a));
        expect(first).toBe(JSON.stringify(put));
        expect(textOf(jsonIn(holder, "a", holder.a))).toBe(first);
        expect(textOf(joinJson(objectJson(holder)))).toBe(JSON.stringify(holder));
      }),
    );
  });

  it("is that of the value which was read, whether its source escapes something or not", () => {
    const ends = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("", "ü", "€", "\n", '"', "\\", "\ud800", "\u0000", "\u007f", "\u2028"),
    );
    fc.assert(
      fc.property(ends, fc.boolean(), (end, isSecond) => {
        const source = JSON.stringify({ a: LARGE + (isSecond ? "" : end), b: isSecond ? end : 1 });
        const read = JSON.parse(Buffer.from(source).toString()) as Record<string, Json>;
        noteSource(source, read);
        expect(textOf(joinJson(objectJson(read)))).toBe(source);
      }),
    );
  });

  it("is remembered of large values, and handed on to who holds the same", () => {
    const context = { large: LARGE, list: [LARGE], small: 1 };
    const made = jsonIn(context, "large", context.large);
    jsonIn(context, "small", context.small);
    expect(jsonIn(context, "large", context.large)).toBe(made);
    const next = { ...context, small: 2, list: [LARGE] };
    jsonIn(context, "list", context.list);
    passJson(context, next);
    expect(jsonIn(next, "large", next.large)).toBe(made);
    expect(jsonIn(next, "list", next.list)).not.toBe(jsonIn(context, "list", context.list));
  });

  it("is not that of a value which has been replaced", () => {
    const context = { large: LARGE };
    jsonIn(context, "large", context.large);
    const next = { large: `${LARGE}!` };
    passJson(context, next);
    expect(hasJson(next)).toBe(false);
    expect(textOf(jsonIn(context, "large", next.large))).toBe(JSON.stringify(next.large));
  });

  it("is forgotten on demand", () => {
    const context = { large: LARGE };
    jsonIn(context, "large", context.large);
    forgetJson(context);
    expect(hasJson(context)).toBe(false);
  });
});

describe("the JSON of a checkpoint", () => {
  const run = { runId: "r", workflow: "flow", version: 1, fingerprint: "", inputHash: "h" };

  it("says the same with and without what is remembered of its context", () => {
    const context = { é: "ü", large: `"${LARGE}"`, none: null };
    const checkpoint = newCheckpoint({ ...run, startSeq: 1, context, createdAt: 0 }, 0);
    expect(toStoredJson(checkpoint)).toBe(toStoredText(checkpoint));
    jsonIn(context, "large", context.large);
    const json = toStoredJson(checkpoint);
    expect(json).toBeInstanceOf(Uint8Array);
    expect(fromStoredText(textOf(json))).toEqual(checkpoint);
  });
});
