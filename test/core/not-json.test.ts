import { expect, test } from "vitest";
import { whyNotJson } from "../../src/core/not-json.ts";

const SECRET = "hunter2";

test.each([
  SECRET,
  `{"a":${SECRET}}`,
  `{"a":"${"x".repeat(500)}",${SECRET}: 1, "b": "${"y".repeat(500)}"}`,
  `["${SECRET}"`,
  `{"${SECRET}`,
  `{"a":1}${SECRET}`,
  `\n"\n${SECRET}`,
  `"${SECRET}\\x"`,
  "",
])("says what is wrong with %j, and quotes nothing of it", (text) => {
  const error = errorOf(text);
  const said = whyNotJson(error);
  expect(said).not.toBe("");
  expect(said).not.toContain("hunt");
  expect(said.length).toBeLessThan(100);
});

test("keeps the place where the engine names it", () => {
  expect(whyNotJson(errorOf('{"a":1'))).toMatch(/position 6/);
});

test("says something where it is no error", () => {
  expect(whyNotJson("?")).toBe("it cannot be read");
});

function errorOf(text: string): unknown {
  try {
    JSON.parse(text);
  } catch (error) {
    return error;
  }
  throw new Error(`${text} is JSON`);
}
