import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Schema } from "../../src/core/schema.ts";
import { parseWith } from "../../src/core/schema.ts";

const Order = z.object({ id: z.string(), lines: z.array(z.object({ amount: z.number() })) });

describe("parsing with a schema", () => {
  it("gives the parsed value", () => {
    const Trimmed = z.string().transform((text) => text.trim());
    expect(parseWith(Trimmed, "  a ", "it", "input")).toBe("a");
  });

  it("waits for a schema that takes its time", async () => {
    const Slow = z.string().refine(async (text) => text === "good");
    const slow: Schema<unknown, string> = {
      "~standard": { validate: async (value) => ({ value: await Slow.parseAsync(value) }) },
    };
    expect(await parseWith(slow, "good", "it", "input")).toBe("good");
  });

  it("refuses late what a schema refuses late", async () => {
    const slow: Schema<unknown, string> = {
      "~standard": { validate: async () => ({ issues: [{ message: "is bad" }] }) },
    };
    await expect(parseWith(slow, 1, "it", "output")).rejects.toMatchObject({
      code: "validation",
      message: "it does not fit: is bad",
      details: { direction: "output", issues: [{ path: "", message: "is bad" }] },
    });
  });

  it("says what does not fit and where", () => {
    const wrong = { id: 7, lines: [{ amount: 1 }, { amount: "2" }] };
    expect(() => parseWith(Order, wrong, 'the input of node "charge"', "input")).toThrow(
      expect.objectContaining({
        code: "validation",
        message: expect.stringMatching(
          /^the input of node "charge" does not fit: id: .*; lines\.1\.amount: /,
        ),
        details: {
          direction: "input",
          issues: [
            { path: "id", message: expect.any(String) },
            { path: "lines.1.amount", message: expect.any(String) },
          ],
        },
      }),
    );
  });

  it("reads both spellings of a path that the standard has", () => {
    const schema: Schema<unknown, string> = {
      "~standard": {
        validate: () => ({
          issues: [{ message: "is bad", path: ["a", { key: 0 }, { key: "b" }] }],
        }),
      },
    };
    expect(() => parseWith(schema, 1, "it", "input")).toThrow("it does not fit: a.0.b: is bad");
  });
});
