import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { PAGES, ROOT } from "./pages.ts";
import { folderOf, snippetsOf, withSnippets } from "./snippets.ts";

const snippets = PAGES.flatMap(snippetsOf);

test("no two modules of a page have one name", () => {
  const paths = snippets.map(({ page, file }) => `${page.path} ${file}`);
  expect(paths).toEqual([...new Set(paths)]);
});

test("all TypeScript in the pages type-checks", async () => {
  const said = await withSnippets(snippets, async (folder) => {
    const config = {
      extends: "../../tsconfig.json",
      // Pages show parts: what they leave unused is no mistake.
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ["**/*.ts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    return await promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
  });
  expect(inPages(said)).toBe("");
}, 60_000);

/** Names page and line instead of the file that was checked. */
function inPages(said: string): string {
  let named = said;
  for (const { page, fence, file } of snippets) {
    const place = new RegExp(`[\\w./-]*${folderOf(page)}/${file}\\((\\d+),`, "g");
    named = named.replace(
      place,
      (_all, line: string) => `${page.path}(${fence.line + Number(line) - 1},`,
    );
  }
  // What is wrong in the sources is said by the check of the sources.
  return named
    .split("\n")
    .filter((line) => !line.startsWith("src/"))
    .join("\n");
}
