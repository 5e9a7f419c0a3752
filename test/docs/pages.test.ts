import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { SIGNAL_LIMIT } from "../../src/core/checkpoint/control-changes.ts";
import { resolveJetStreamOptions } from "../../src/jetstream/options.ts";
import { resolveOrchestratorOptions } from "../../src/orchestrator/options.ts";
import { ERROR_NUMBERS } from "../../src/service/error-reply.ts";
import { resolveServiceOptions } from "../../src/service/options.ts";
import { resolveWorkerOptions } from "../../src/worker/options.ts";
import { anchorsOf, inlineCode, localLinks, PAGES, pageAt, ROOT, section } from "./pages.ts";

const operations = pageAt("docs/operations.md");

describe.each(PAGES)("$path", (page) => {
  test("links to pages, headings and files that exist", () => {
    for (const { target, anchor } of localLinks(page)) {
      const path = target === "" ? page.path : join(dirname(page.path), target);
      expect(existsSync(ROOT + path), `${target}#${anchor}`).toBe(true);
      if (anchor !== "") expect(anchorsOf(pageAt(path)), path).toContain(anchor);
    }
  });

  test("names files that exist", () => {
    const files = inlineCode(page).filter((code) =>
      /^(?:src|test|docs|examples|bench)\/[\w./-]*$/.test(code),
    );
    for (const file of files) expect(existsSync(ROOT + file), file).toBe(true);
  });

  test("says what every block of code is written in", () => {
    const known = ["ts", "json", "sh", "mermaid"];
    for (const { language, line } of page.fences) expect(known, `line ${line}`).toContain(language);
  });

  test("has JSON that can be read", () => {
    for (const { language, code, line } of page.fences) {
      if (language === "json") expect(() => JSON.parse(code), `line ${line}`).not.toThrow();
    }
  });
});

test("every error code is explained", () => {
  const codes = Object.keys(ERROR_NUMBERS).filter((code) => code !== "internal");
  const rows = section(operations, "Troubleshooting");
  for (const code of codes) expect(rows).toContain(`| \`${code}\` |`);
});

describe("the options", () => {
  test.each([
    ["Options of a worker", resolveWorkerOptions({ workerId: "w" })],
    ["Options of an orchestrator", resolveOrchestratorOptions({ orchestratorId: "o" })],
    ["Options of a service", resolveServiceOptions({})],
    ["Options of JetStream", resolveJetStreamOptions({})],
  ] as const)("in %s are those that there are, with their defaults", (heading, resolved) => {
    const rows = rowsOf(heading);
    for (const [option, value] of Object.entries(resolved)) {
      const row = rows.get(option);
      expect(row, option).toBeDefined();
      if (typeof value === "number") expect(row).toContain(value.toLocaleString("en"));
    }
  });

  test("of JetStream are all there, those without a default too", () => {
    const source = readFileSync(`${ROOT}src/jetstream/options.ts`, "utf8");
    const schema = source.slice(source.indexOf("z.strictObject({"), source.indexOf("\n});"));
    const options = [...schema.matchAll(/^ {2}(\w+): ?/gm)].map(([, name = ""]) => name);
    expect(options.length).toBeGreaterThan(15);
    expect([...rowsOf("Options of JetStream").keys()].sort()).toEqual(options.sort());
  });
});

test("the limits are those of the code", () => {
  const limits = section(operations, "Limits");
  expect(limits).toContain(`| signals that a run keeps | ${SIGNAL_LIMIT.toLocaleString("en")} |`);
  expect(limits).toContain("| longest time limit of a node | 2,147,483,647 ms");
});

test("every dependency is explained, and no other", () => {
  const page = pageAt("docs/libraries.md");
  const named = [...page.prose.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  const { dependencies, devDependencies } = PackageSchema.parse(manifest);
  expect(named.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
});

const PackageSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
const manifest: unknown = await import("../../package.json", { with: { type: "json" } }).then(
  (module) => module.default,
);

/** Rows of the table below a heading, by the names in their first cells. */
function rowsOf(heading: string): Map<string, string> {
  const rows = new Map<string, string>();
  for (const [row, cell = ""] of section(operations, heading).matchAll(/^\| ([^|]+)\|.*$/gm)) {
    for (const [, option = ""] of cell.matchAll(/`(\w+)`/g)) rows.set(option, row);
  }
  return rows;
}
