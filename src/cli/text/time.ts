import { InvalidArgumentError } from "commander";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  "": SECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

/** Milliseconds as people say them, with two figures that matter: `850ms`, `4.2s`, `3m 20s`, `5h 1m`, `12d 3h`. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)}ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)}s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)}s`;
  if (ms < HOUR) return two(ms, MINUTE, "m", SECOND, "s");
  if (ms < DAY) return two(ms, HOUR, "h", MINUTE, "m");
  return two(ms, DAY, "d", HOUR, "h");
}

function two(ms: number, large: number, unit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % large) / small);
  const head = `${Math.floor(ms / large)}${unit}`;
  return rest === 0 ? head : `${head} ${rest}${smallUnit}`;
}

/** How long before or after now a stored time is: `12s ago`, `in 5m`, `just now`. */
export function relative(time: string, now: number): string {
  const ms = now - Date.parse(time);
  if (Number.isNaN(ms)) return time;
  if (Math.abs(ms) < SECOND) return "just now";
  const rough = roughly(Math.abs(ms));
  return ms > 0 ? `${rough} ago` : `in ${rough}`;
}

function roughly(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}h`;
  return `${Math.floor(ms / DAY)}d`;
}

/** Reads `500ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds. @returns milliseconds */
export function readDuration(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  if (number === "" || factor === undefined) {
    throw new InvalidArgumentError("Give a duration such as 500ms, 30s, 5m, 2h or 7d.");
  }
  return Math.round(Number(number) * factor);
}

/** Reads a date and time, or a duration before now. @returns an ISO time */
export function readTime(text: string, now: number): string {
  const isDuration = /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text.trim());
  const at = isDuration ? now - readDuration(text) : Date.parse(text);
  if (Number.isNaN(at) || Math.abs(at) > 8.64e15) {
    throw new InvalidArgumentError(
      "Give a time such as 2026-07-01T12:00Z, or how long ago: 30m, 2h, 7d.",
    );
  }
  return new Date(at).toISOString();
}
