import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FatalError, FloxideError, RetryLater } from "../../src/core/errors.ts";
import type { FailureSite } from "../../src/core/failure.ts";
import { askedDelayMs, FailureSchema, toFailure } from "../../src/core/failure.ts";

const SITE: FailureSite = { node: "charge", item: 3, attempt: 2, now: Date.UTC(2026, 0, 1) };
const NOWHERE: FailureSite = { node: null, item: null, attempt: null, now: 0 };

describe("failure", () => {
  it("tells what was thrown, where and when", () => {
    expect(toFailure(new TypeError("x is undefined"), SITE)).toMatchObject({
      kind: "error",
      name: "TypeError",
      message: "x is undefined",
      fatal: false,
      stack: expect.stringContaining("x is undefined"),
      node: "charge",
      item: 3,
      attempt: 2,
      at: "2026-01-01T00:00:00.000Z",
    });
  });

  it("of the run itself has no node", () => {
    expect(toFailure(new Error("e"), NOWHERE)).toMatchObject({
      node: null,
      item: null,
      attempt: null,
    });
  });

  it.each([
    ["text", "just text", "just text"],
    ["an object", { status: 503 }, '{"status":503}'],
    ["null", null, "null"],
    ["nothing", undefined, "undefined"],
    ["a number", 7, "7"],
    ["a bigint", 7n, "7"],
    ["a symbol", Symbol("odd"), "Symbol(odd)"],
  ])("is made of %s too", (_, thrown, message) => {
    expect(toFailure(thrown, SITE)).toMatchObject({
      kind: "error",
      name: "Error",
      message,
      fatal: false,
    });
  });

  it.each([
    ["timeout", "timeout", false],
    ["validation", "validation", false],
    ["payload_too_large", "payload_too_large", true],
    ["cancelled", "cancelled", false],
    ["backend", "error", false],
    ["definition", "error", false],
  ] as const)("of a %s error is of kind %s", (code, kind, fatal) => {
    expect(toFailure(new FloxideError(code, "it"), SITE)).toMatchObject({ kind, fatal });
  });

  it("of input that does not fit is fatal, of output that does not fit is not", () => {
    const of = (direction: string) =>
      toFailure(new FloxideError("validation", "it", { details: { direction } }), SITE);
    expect(of("input")).toMatchObject({ kind: "validation", fatal: true });
    expect(of("output")).toMatchObject({ kind: "validation", fatal: false });
  });

  it("of a FatalError is fatal", () => {
    class CardDeclined extends FatalError {
      override readonly name = "CardDeclined";
    }
    expect(toFailure(new CardDeclined("no"), SITE)).toMatchObject({
      name: "CardDeclined",
      fatal: true,
    });
  });

  it("keeps the beginning of a long message and of a long stack, and says how long they were", () => {
    const error = new Error("m".repeat(5_000));
    error.stack = "s".repeat(9_000);
    const failure = toFailure(error, SITE);
    expect(failure.message).toBe(`${"m".repeat(1_000)}… (5000 characters)`);
    expect(failure.stack).toBe(`${"s".repeat(2_000)}… (9000 characters)`);
  });

  it("has no stack where the error has none", () => {
    const error = new Error("e");
    delete error.stack;
    expect(toFailure(error, SITE).stack).toBeNull();
  });

  it("can be stored and read back, whatever was thrown", () => {
    const thrown = fc.oneof(
      fc.anything({ withNullPrototype: true }),
      fc.string().map((message) => new Error(message)),
      fc
        .record({ name: fc.anything(), message: fc.anything(), stack: fc.anything() })
        .map((fields) => Object.assign(new Error("e"), fields)),
    );
    fc.assert(
      fc.property(thrown, (value) => {
        const failure = toFailure(value, SITE);
        expect(FailureSchema.parse(JSON.parse(JSON.stringify(failure)))).toEqual(failure);
      }),
    );
  });
});

describe("failure of what is no proper error", () => {
  const NO_TEXT = "an error whose message is no text";
  const NO_WORDS = "a value that cannot be written as text";
  const like = (fields: object) => Object.assign(new Error("e"), fields);
  const unreadable = (error: Error, ...fields: readonly string[]) => {
    const get = () => {
      throw new Error("not even this");
    };
    for (const field of fields) Object.defineProperty(error, field, { get });
    return error;
  };
  const cycle = Object.create(null) as Record<string, unknown>;
  cycle["self"] = cycle;
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const { proxy: ofError, revoke } = Proxy.revocable(new Error("e"), {});
  revoke();

  it.each([
    ["without a name", like({ name: undefined }), { name: "Error", message: "e" }],
    ["whose name is no text", like({ name: 5 }), { name: "Error", message: "e" }],
    ["whose name cannot be read", unreadable(new Error("e"), "name"), { name: "Error" }],
    ["without a message", like({ message: undefined }), { message: NO_TEXT }],
    ["whose message is no text", like({ message: { code: 42 } }), { message: NO_TEXT }],
    ["whose message cannot be read", unreadable(new Error("e"), "message"), { message: NO_TEXT }],
    ["whose stack is a list, as Error.prepareStackTrace may make it", like({ stack: [] }), {}],
    ["whose stack is null", like({ stack: null }), { message: "e", stack: null }],
    ["whose stack cannot be read", unreadable(new Error("e"), "stack"), { stack: null }],
    [
      "of floxide that cannot be read",
      unreadable(new FloxideError("validation", "e"), "stack", "code", "details", "name"),
      { kind: "error", name: "Error", message: "e", fatal: false, stack: null },
    ],
    [
      "of floxide whose details are gone",
      Object.assign(new FloxideError("validation", "e"), { details: undefined }),
      { kind: "validation", message: "e", fatal: false },
    ],
    ["that is an object which cannot be written", cycle, { name: "Error", message: NO_WORDS }],
    ["that is a revoked proxy", revoked.proxy, { name: "Error", message: NO_WORDS }],
    ["that is a revoked proxy of an error", ofError, { name: "Error", message: NO_WORDS }],
  ])("can be stored and read back where something is thrown %s", (_, thrown, expected) => {
    const failure = toFailure(thrown, SITE);
    expect(failure).toMatchObject({ kind: "error", fatal: false, ...expected });
    expect(FailureSchema.parse(JSON.parse(JSON.stringify(failure)))).toEqual(failure);
    expect(askedDelayMs(thrown)).toBeNull();
  });
});

describe("the wait that a node asks for", () => {
  it("is what it said", () => {
    expect(askedDelayMs(new RetryLater({ afterMs: 250 }))).toBe(250);
    expect(askedDelayMs(new RetryLater({ afterMs: 0.5 }))).toBe(0.5);
  });

  it.each([
    [-1, 0],
    [-0, 0],
    [Number.NaN, 0],
    [Number.NEGATIVE_INFINITY, 0],
    [undefined as unknown as number, 0],
    [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER],
    [1e300, Number.MAX_SAFE_INTEGER],
  ])("is a time also where it said %d ms", (afterMs, expected) => {
    const error = new RetryLater({ afterMs });
    expect(askedDelayMs(error)).toBe(expected);
    expect(error.message).toBe(`asked to be tried again after ${expected} ms`);
  });

  it("is none for other errors", () => {
    expect(askedDelayMs(new Error("e"))).toBeNull();
    expect(askedDelayMs({ afterMs: 1 })).toBeNull();
  });
});

describe("an error of another copy of the package", () => {
  class FatalError extends Error {
    override readonly name = "FatalError";
  }
  class RetryLater extends Error {
    override readonly name = "RetryLater";
    readonly afterMs = 250;
  }
  class FloxideError extends Error {
    readonly code = "validation";
    readonly details = { direction: "input" };
  }
  const site = { node: "n", item: 1, attempt: 1, now: 0 };

  it("is known by its name and its code", () => {
    expect(toFailure(new FatalError("no"), site)).toMatchObject({ kind: "error", fatal: true });
    expect(toFailure(new FloxideError("no"), site)).toMatchObject({
      kind: "validation",
      fatal: true,
    });
    expect(askedDelayMs(new RetryLater("later"))).toBe(250);
    expect(askedDelayMs(new FatalError("no"))).toBeNull();
  });
});
