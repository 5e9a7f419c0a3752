import fc from "fast-check";
import type { Door, Verdict } from "./door.ts";

/** Cases of one batch. A batch is a function of door and seed, so that any case of it can be tried again. */
export const BATCH = 250;

/** The cases of a batch. */
export const casesOf = (door: Door, seed: number): readonly unknown[] =>
  fc.sample(door.cases, { seed, numRuns: BATCH });

/** What a process that tries a door tells the one that started it. */
export type Told =
  | {
      readonly type: "batch";
      readonly seed: number;
      readonly cases: number;
      readonly verdicts: Partial<Record<Verdict, number>>;
      readonly longestMs: number;
      readonly heapBytes: number;
    }
  | {
      readonly type: "fault";
      readonly seed: number;
      readonly index: number;
      readonly shown: string;
      readonly why: string;
    };

/** The case as a report shows it. */
export const shown = (one: unknown): string => cutTo(fc.stringify(one), 2_000);

/** What was thrown, with its causes. */
export function whyOf(thrown: unknown): string {
  const said: string[] = [];
  for (let link: unknown = thrown; link instanceof Error && said.length < 5; link = link.cause) {
    said.push(cutTo(link.stack ?? link.message, 1_500));
  }
  return said.length === 0 ? cutTo(fc.stringify(thrown), 500) : said.join("\ncaused by ");
}

const cutTo = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length} characters)`;
