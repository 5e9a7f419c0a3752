import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Fence, type Page, ROOT } from "./pages.ts";

/** A block of TypeScript, as a module. */
export interface Snippet {
  readonly page: Page;
  readonly fence: Fence;
  /** Name of its file: the one that its first line says, so that others of the page can import it. */
  readonly file: string;
}

/** All TypeScript of a page. */
export function snippetsOf(page: Page): Snippet[] {
  return page.fences
    .filter(({ language }) => language === "ts")
    .map((fence) => {
      const [, named] = /^\/\/ ([\w-]+\.ts)$/m.exec(fence.code.split("\n", 1)[0] ?? "") ?? [];
      return { page, fence, file: named ?? `line-${fence.line}.ts` };
    });
}

/** Where the modules of a page are written, below the folder of {@link withSnippets}. */
export const folderOf = (page: Page): string => page.path.replace(/[^\w]+/g, "-");

/**
 * Writes the modules of pages into a folder of the project that git ignores, and takes them away afterwards. "floxide"
 * means the sources there.
 *
 * @param edit - changes the code of a module
 */
export async function withSnippets<T>(
  snippets: readonly Snippet[],
  use: (folder: string) => Promise<T>,
  edit: (code: string) => string = (code) => code,
): Promise<T> {
  await mkdir(join(ROOT, ".floxide"), { recursive: true });
  const folder = await mkdtemp(join(ROOT, ".floxide", "docs-"));
  try {
    for (const { page, fence, file } of snippets) {
      await mkdir(join(folder, folderOf(page)), { recursive: true });
      const code = edit(fence.code)
        .replaceAll('from "floxide"', 'from "../../../src/index.ts"')
        .replaceAll('from "floxide/testing"', 'from "../../../src/testing/index.ts"')
        .replaceAll('from "../src/', 'from "../../../src/');
      // A module, also where it exports nothing.
      await writeFile(join(folder, folderOf(page), file), `${code}\nexport {};\n`);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
