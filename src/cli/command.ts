import { type Command, InvalidArgumentError } from "commander";
import type { Cli } from "./cli.ts";

/** What a command does. @returns its exit code where that is not 0 */
type Action = (
  cli: Cli,
  args: readonly string[],
  command: Command,
) => Promise<number | undefined> | Promise<void>;

/** Makes an action what commander calls. */
export type Act = (action: Action) => (...all: unknown[]) => Promise<void>;

/** Text under a help page that shows how it is done. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;

/** Reads a whole number of a range. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Give a whole number, ${range}.`);
  };
}
