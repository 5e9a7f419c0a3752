import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TEXTS, wordCount } from "../../examples/11-word-count.ts";
import { chunksOf, countByLoop, textsIn } from "../../examples/demo/count-by-loop.ts";
import { runLocal } from "../../src/index.ts";

const find = ["license", "the", "freedom", "xylophone"];

/** The standard tools' answer, as numbers. */
function shell(command: string): number {
  return Number(execFileSync("/bin/sh", ["-c", command], { cwd: TEXTS, encoding: "utf8" }));
}

test.each([512, 4_096, 1_000_000])(
  "11 counts as one loop does, in chunks of %i bytes",
  async (chunkBytes) => {
    const texts = textsIn(TEXTS);
    expect(texts.length).toBeGreaterThanOrEqual(8);
    const { files, total } = await runLocal(wordCount, { folder: TEXTS, chunkBytes, find });
    expect(files).toEqual(texts.map(({ file, text }) => ({ file, ...countByLoop(text, find) })));
    const all = texts.map(({ text }) => text).join("");
    expect(total).toEqual({ file: "total", ...countByLoop(all, find) });
  },
);

test("11 counts as wc, tr and grep do", async () => {
  const { total } = await runLocal(wordCount, { folder: TEXTS, chunkBytes: 3_000, find });
  const letters = "cat *.txt | LC_ALL=C tr -cs 'A-Za-z' '\\n' | sed '/^$/d'";
  expect(total.lines).toBe(shell("cat *.txt | wc -l"));
  expect(total.words).toBe(shell(`${letters} | wc -l`));
  expect(total.found["license"]).toBe(shell(`${letters} | grep -cix license`));
  expect(total.found["the"]).toBe(shell(`${letters} | grep -cix the`));
  expect(total.found["xylophone"]).toBe(0);
});

test("11 takes a text without an end of line, and an empty one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "floxide-texts-"));
  try {
    await writeFile(join(folder, "a.txt"), "Zwölf Boxkämpfer\njagen Viktor");
    await writeFile(join(folder, "b.txt"), "");
    await writeFile(join(folder, "c.md"), "not counted");
    const { files, total } = await runLocal(wordCount, { folder, chunkBytes: 5, find: ["zwölf"] });
    expect(total).toEqual({ file: "total", lines: 1, words: 4, found: { zwölf: 1 } });
    expect(files.map(({ file }) => file)).toEqual(["a.txt", "(empty)"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("11 gives no files for an empty folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "floxide-texts-"));
  try {
    const { files } = await runLocal(wordCount, { folder, chunkBytes: 5, find });
    expect(files).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("chunks end with lines", () => {
  expect(chunksOf("", 3)).toBe(0);
  expect(chunksOf("ab\ncd\nef", 3)).toBe(3);
  expect(chunksOf("ab\ncd\nef", 4)).toBe(2);
});
