import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

// Counts the same as the word count example in another way: one text after the other, letter by letter, in one loop. What
// the workflow gives is compared with this.

export interface LoopCount {
  readonly lines: number;
  readonly words: number;
  readonly found: Readonly<Record<string, number>>;
}

/** The text files of a folder, as the example takes them. */
export function textsIn(
  folder: string,
): readonly { readonly file: string; readonly text: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .sort()
    .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
}

/** Lines, runs of letters, and how often some words occur. */
export function countByLoop(text: string, find: readonly string[]): LoopCount {
  const found = Object.fromEntries(find.map((word) => [word, 0]));
  let lines = 0;
  let words = 0;
  let word = "";
  for (const letter of `${text} `) {
    if (letter === "\n") lines += 1;
    if (letter.toLowerCase() !== letter.toUpperCase()) {
      word += letter.toLowerCase();
      continue;
    }
    if (word === "") continue;
    words += 1;
    const times = found[word];
    if (times !== undefined) found[word] = times + 1;
    word = "";
  }
  return { lines, words, found };
}

/** How many chunks of whole lines a text falls into where each has `chunkBytes` or a little more. */
export function chunksOf(text: string, chunkBytes: number): number {
  let chunks = 0;
  let bytes = 0;
  for (const line of text.split(/(?<=\n)/)) {
    bytes += Buffer.byteLength(line);
    if (bytes < chunkBytes) continue;
    chunks += 1;
    bytes = 0;
  }
  return bytes > 0 ? chunks + 1 : chunks;
}
