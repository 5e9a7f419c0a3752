import { describe, expect, test } from "vitest";
import {
  abort,
  type HoldOptions,
  hold,
  isTransition,
  next,
  nextAll,
  sleep,
} from "../../src/workflows/index.ts";

describe("hold", () => {
  test("without options ends the item", () => {
    expect(hold()).toEqual({ type: "hold", wait: null });
  });

  test("parks for a signal, a time, or both", () => {
    expect(hold({ for: "approval" })).toEqual({
      type: "hold",
      wait: { for: "approval", timeoutMs: null },
    });
    expect(hold({ for: "approval", timeoutMs: 5 })).toEqual({
      type: "hold",
      wait: { for: "approval", timeoutMs: 5 },
    });
    expect(hold({ timeoutMs: 0 })).toEqual({ type: "hold", wait: { for: null, timeoutMs: 0 } });
    expect(sleep(20)).toEqual({ type: "hold", wait: { for: null, timeoutMs: 20 } });
  });

  test.each([{}, { for: "" }, { timeoutMs: -1 }, { timeoutMs: Number.NaN }])(
    "refuses %j",
    (options) => {
      expect(() => hold(options as HoldOptions)).toThrow(
        expect.objectContaining({ code: "validation" }),
      );
    },
  );
});

describe("abort", () => {
  test("makes an error of a sentence and keeps an error as it is", () => {
    const error = new TypeError("no");
    expect(abort(error)).toEqual({ type: "abort", error });
    expect(abort("quantity is zero")).toEqual({
      type: "abort",
      error: new Error("quantity is zero"),
    });
  });
});

describe("isTransition", () => {
  test("knows what the functions give from all else", () => {
    for (const made of [next(1), next(undefined), nextAll([]), hold(), sleep(1), abort("x")]) {
      expect(isTransition(made)).toBe(true);
    }
    const others = [
      null,
      1,
      {},
      { type: "other" },
      { type: "next" },
      { type: "nextAll", values: 1 },
      { type: "hold" },
      { type: "abort", error: "text" },
    ];
    for (const other of others) expect(isTransition(other)).toBe(false);
  });
});
