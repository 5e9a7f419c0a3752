/** Bytes that would move the cursor, ring the bell or change colors: what users stored must not steer the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text on one line, control characters shown as what they are: `\n`, `\u001b`. */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => {
    const escaped = JSON.stringify(char).slice(1, -1);
    return escaped === char ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : escaped;
  });
}

/** The text as a line of its own. */
export const line = (text: string): string => `${printable(text)}\n`;

/** JSON in which what would steer the terminal is escaped. JSON itself escapes only some of it. */
export function printableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent)
    .split("\n")
    .map((its) => printable(its))
    .join("\n");
}

/** The message on one line, as people write it: list points and line ends become `; ` and blanks. */
export function oneLine(message: string): string {
  const [first = "", ...others] = message
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/^- /, ""))
    .filter((line) => line !== "");
  const rest = others.join("; ");
  return printable(rest === "" ? first : `${first.replace(/:$/, ":")} ${rest}`);
}

/** At most so many characters, the last an ellipsis where something was cut. */
export function cut(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** How many columns the text takes. */
export const widthOf = (text: string): number => [...text].length;
