import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Folder of the project, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A page of the documentation. */
export interface Page {
  /** Path from the project's folder, such as `docs/wire.md`. */
  readonly path: string;
  readonly text: string;
  /** The text without its fences. */
  readonly prose: string;
  readonly fences: readonly Fence[];
}

/** A block of code in a page. */
export interface Fence {
  readonly language: string;
  /** What follows the language on the first line; empty where nothing does. */
  readonly label: string;
  readonly code: string;
  /** Line of the page that the code begins on, from 1. */
  readonly line: number;
}

/** A link in a page. */
export interface Link {
  readonly target: string;
  /** Heading that it leads to; empty where it leads to the page. */
  readonly anchor: string;
}

const FENCE = /^```(\w*)[ ]?(.*)\n([\s\S]*?)^```$/gm;

/** The readme, all pages in `docs`, and the readme of the examples. */
export const PAGES: readonly Page[] = [
  "README.md",
  ...readdirSync(`${ROOT}docs`)
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
  "examples/README.md",
  "proof/README.md",
].map(readPage);

/** The page of that path. */
export function pageAt(path: string): Page {
  const page = PAGES.find((one) => one.path === path);
  if (page === undefined) throw new Error(`there is no page ${path}`);
  return page;
}

/** The text of a section, from its heading to the next of its level or above. */
export function section(page: Page, heading: string): string {
  const lines = page.text.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && plain(line) === heading);
  if (start < 0) throw new Error(`${page.path} has no heading "${heading}"`);
  const level = lines[start]?.indexOf(" ") ?? 0;
  const end = lines.findIndex(
    (line, i) => i > start && /^#+ /.test(line) && line.indexOf(" ") <= level,
  );
  return lines.slice(start, end < 0 ? undefined : end).join("\n");
}

/** Links of a page that lead to other pages and files of the project. */
export function localLinks(page: Page): Link[] {
  return [...page.prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, href = ""]) => href)
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [target = "", anchor = ""] = href.split("#");
      return { target, anchor };
    });
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: Page): Set<string> {
  const anchors = new Set<string>();
  for (const [heading] of page.prose.matchAll(/^#+ .*$/gm)) {
    anchors.add(
      plain(heading)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-"),
    );
  }
  return anchors;
}

/** What stands between backticks. */
export function inlineCode(page: Page): string[] {
  return [...page.prose.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

const plain = (heading: string): string => heading.replace(/^#+ /, "").replace(/[`*]/g, "");

function readPage(path: string): Page {
  const text = readFileSync(ROOT + path, "utf8");
  const fences = [...text.matchAll(FENCE)].map(
    ({ 0: whole, 1: language = "", 2: label = "", 3: code = "", index }): Fence => ({
      language,
      label: label.trim(),
      code,
      line: text.slice(0, index + whole.indexOf("\n") + 1).split("\n").length,
    }),
  );
  return { path, text, prose: text.replace(FENCE, ""), fences };
}
