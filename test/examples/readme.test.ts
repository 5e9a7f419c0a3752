import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { AnyWorkflow } from "../../src/index.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const NUMBERED = /^\d\d-[a-z-]+\.ts$/;

const readme = readFileSync(`${EXAMPLES}README.md`, "utf8");
const files = readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts"));
const examples = files.filter((name) => NUMBERED.test(name)).sort();

test("the table lists exactly the examples that exist, in their order", () => {
  const rows = [...readme.matchAll(/^\| \[([^\]]+)\]\(([^)]+)\) +\|/gm)];
  expect(rows.map(([, name]) => name)).toEqual(examples);
  expect(rows.map(([, , link]) => link)).toEqual(examples);
});

test("all other programs are named", () => {
  for (const file of files.filter((name) => !NUMBERED.test(name))) {
    expect(readme).toContain(`[${file}](${file})`);
  }
});

test("the numbers have no gaps", () => {
  const numbers = examples.map((name) => Number(name.slice(0, 2)));
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
});

test.each(examples)("%s is short", (file) => {
  expect(readFileSync(EXAMPLES + file, "utf8").split("\n").length).toBeLessThan(140);
});

test.each(examples)("%s exports its workflow and does nothing when imported", async (file) => {
  const module: Record<string, unknown> = await import(`../../examples/${file}`);
  const workflows = Object.values(module).filter(isWorkflow);
  expect(workflows.length).toBeGreaterThan(0);
});

function isWorkflow(value: unknown): value is AnyWorkflow {
  return value !== null && typeof value === "object" && "fingerprint" in value && "nodes" in value;
}
