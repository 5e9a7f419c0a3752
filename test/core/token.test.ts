import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkRunId, fromToken, MAX_ID_BYTES, SAFE_NAME, toToken } from "../../src/core/token.ts";

/** Any text that UTF-8 can carry, hard characters often. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("=", "2", "E", ".", "*", ">", " ", "a", "_", "-", "\uFEFF", "\0"),
  }),
);

describe("token of an id", () => {
  it("gives the id back", () => {
    fc.assert(
      fc.property(text, (id) => {
        expect(fromToken(toToken(id))).toBe(id);
      }),
    );
  });

  it("is different for different ids", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(toToken(a) === toToken(b)).toBe(a === b);
      }),
    );
  });

  it("is made of characters that subjects and keys allow", () => {
    fc.assert(
      fc.property(text, (id) => {
        fc.pre(id !== "");
        expect(toToken(id)).toMatch(/^[A-Za-z0-9_=-]+$/);
      }),
    );
  });

  it("leaves a plain id as it is", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]+$/), (id) => {
        expect(toToken(id)).toBe(id);
        expect(fromToken(id)).toBe(id);
      }),
    );
  });

  it.each([
    ["a.b", "a=2Eb"],
    ["=", "=3D"],
    ["a b", "a=20b"],
    ["é", "=C3=A9"],
    ["*", "=2A"],
    [">", "=3E"],
    ["\0", "=00"],
  ])("of %j is %j", (id, token) => {
    expect(toToken(id)).toBe(token);
  });

  it.each([
    ...["=", "=2", "=2e", "=GG", "a=2", "=FF", "=C3", "=C3=41"],
    ...["=41", "a.b", "a=2Db", "*", "é", "\u{1F980}"],
  ])("is never %j", (token) => {
    expect(() => fromToken(token)).toThrow(expect.objectContaining({ code: "validation" }));
  });

  it("is the only text that gives the id", () => {
    const likely = fc.string({
      unit: fc.constantFrom("=", "2", "4", "1", "E", "C", "3", "a", "."),
    });
    fc.assert(
      fc.property(fc.oneof(likely, text), (token) => {
        let id: string;
        try {
          id = fromToken(token);
        } catch (error) {
          expect(error).toMatchObject({ code: "validation" });
          return;
        }
        expect(toToken(id)).toBe(token);
      }),
    );
  });
});

describe("run id", () => {
  it.each(["a", "Order 7/b", "☃".repeat(42), "x".repeat(MAX_ID_BYTES), ".*>", "\n"])(
    "may be %j",
    (id) => {
      expect(checkRunId(id)).toBe(id);
    },
  );

  it.each([
    ["empty text", ""],
    ["text that is too long", "x".repeat(MAX_ID_BYTES + 1)],
    ["text of too many bytes", "☃".repeat(43)],
    ["half a surrogate pair", "a\uD83E"],
    ["a number", 7],
    ["null", null],
    ["nothing", undefined],
    ["a list", ["a"]],
  ])("is refused where it is %s", (_, id) => {
    expect(() => checkRunId(id)).toThrow(expect.objectContaining({ code: "validation" }));
  });

  it("that is refused is told by its size, not by its text", () => {
    expect(() => checkRunId("secret".repeat(100))).toThrow(
      expect.objectContaining({
        details: { bytes: 600 },
        message: expect.not.stringContaining("secret"),
      }),
    );
  });
});

it("takes letters, digits, _ and - for a safe name, 64 at most", () => {
  for (const name of ["a", "A-1_b", "x".repeat(64)]) expect(SAFE_NAME.test(name)).toBe(true);
  for (const name of ["", "a.b", "a b", "é", "x".repeat(65), "a\n"])
    expect(SAFE_NAME.test(name)).toBe(false);
});
