import { describe, expect, test } from "vitest";
import { z } from "zod";
import { variant, variants } from "../../src/workflows/index.ts";

const Size = variants({
  large: z.object({ charged: z.number() }),
  small: z.string().refine(async (text) => text !== "refused"),
});
const { validate } = Size["~standard"];

describe("variants", () => {
  test("take a value of each kind, and say which kinds there are", async () => {
    expect(Size.kinds).toEqual(["large", "small"]);
    expect(validate(variant("large", { charged: 1 }))).toEqual({
      value: { kind: "large", value: { charged: 1 } },
    });
    expect(await validate(variant("small", "x"))).toEqual({ value: { kind: "small", value: "x" } });
  });

  test("say where a value does not fit", async () => {
    expect(validate(variant("large", { charged: "1" }))).toMatchObject({
      issues: [{ path: ["value", "charged"] }],
    });
    expect(await validate(variant("small", "refused"))).toMatchObject({
      issues: [{ path: ["value"] }],
    });
  });

  test("refuse a kind that they do not have", () => {
    for (const kind of ["huge", "constructor"]) {
      expect(validate(variant(kind, 1))).toMatchObject({
        issues: [{ message: "expected one of large, small", path: ["kind"] }],
      });
    }
  });

  test.each([null, "large", {}, { kind: 1, value: 1 }, { kind: "large" }])("refuse %j", (given) => {
    expect(validate(given)).toMatchObject({ issues: [{ message: "expected { kind, value }" }] });
  });
});
