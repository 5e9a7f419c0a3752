import { createHash } from "node:crypto";

const SUBJECTS = ["A queue", "The worker", "Every commit", "A crash", "The log", "One revision"];
const VERBS = ["keeps", "hands over", "outlives", "counts", "explains", "replaces"];
const OBJECTS = [
  "what was promised",
  "the next step",
  "its neighbours",
  "a lost message",
  "the clock",
];

/**
 * Writes text about a topic, in place of a language model: the same prompt gives the same text, on every machine.
 *
 * @param sentences - how many
 */
export function write(prompt: string, sentences: number): string {
  const text: string[] = [];
  for (let i = 0; i < sentences; i++) {
    const [a = 0, b = 0, c = 0] = createHash("sha256").update(`${prompt}/${i}`).digest();
    const words = [pick(SUBJECTS, a), pick(VERBS, b), pick(OBJECTS, c)];
    text.push(`${words.join(" ")}.`);
  }
  return text.join(" ");
}

function pick(words: readonly string[], n: number): string {
  return words[n % words.length] ?? "";
}
