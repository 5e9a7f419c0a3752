const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof CODES;

/** The text with the codes of a style around it, where colors are wanted. */
export function styled(text: string, style: Style | undefined, colors: boolean): string {
  if (!colors || style === undefined) return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

const MEANINGS: Readonly<Record<string, Style>> = {
  completed: "green",
  alive: "green",
  running: "cyan",
  in_progress: "cyan",
  paused: "magenta",
  held: "magenta",
  cancelled: "yellow",
  stale: "yellow",
  draining: "yellow",
  failed: "red",
  dead: "red",
};

/** The color of a status of a run, an item or a worker. */
export const styleOf = (status: string): Style | undefined => MEANINGS[status];
