import { pino } from "pino";
import type { Logger } from "../core/logger.ts";
import { SUBJECT_REFUSED } from "../jetstream/link.ts";
import type { Sink } from "./io.ts";
import type { LogLevel } from "./settings.ts";
import { printable } from "./text/printable.ts";
import type { Style } from "./text/style.ts";
import { styled } from "./text/style.ts";

/** How log lines look: JSON as pino writes it for machines, or one line for people. */
export type LogFormat = "json" | "people";

/** A pino logger that writes to a sink, at once: nothing is lost when the process ends. */
export function loggerTo(sink: Sink, level: LogLevel, format: LogFormat): Logger {
  const write =
    format === "json"
      ? (line: string) => sink.write(line)
      : (line: string) => sink.write(forPeople(line, sink.colors, level === "debug"));
  return pino({ level, base: null }, { write });
}

/**
 * A logger that keeps back what it is told of subjects that are refused: a command that fails of that says so itself.
 *
 * @returns the logger, and how to have it tell what it has kept back and will hear
 */
export function holdingRefusals(log: Logger): { readonly log: Logger; readonly tell: () => void } {
  const held: (() => void)[] = [];
  let isHolding = true;
  const warn: Logger["warn"] = (fields, message) => {
    if (isHolding && message === SUBJECT_REFUSED) held.push(() => log.warn(fields, message));
    else log.warn(fields, message);
  };
  return {
    log: {
      debug: (fields, message) => log.debug(fields, message),
      info: (fields, message) => log.info(fields, message),
      warn,
      error: (fields, message) => log.error(fields, message),
    },
    tell: () => {
      isHolding = false;
      for (const line of held.splice(0)) line();
    },
  };
}

const LEVELS: Readonly<Record<number, readonly [string, Style | undefined]>> = {
  20: ["debug", "dim"],
  30: ["info ", "green"],
  40: ["warn ", "yellow"],
  50: ["error", "red"],
};

/** One of pino's lines for people: time, level, message, fields. Stacks only where they were asked for. */
export function forPeople(line: string, colors: boolean, withStacks: boolean): string {
  const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [name, style] = LEVELS[Number(level)] ?? ["?    ", undefined];
  const error = (err ?? null) as { message?: string; stack?: string } | null;
  const text = [
    styled(new Date(Number(time)).toISOString().slice(11, 23), "dim", colors),
    styled(name, style, colors),
    printable(String(msg ?? "")) + (error === null ? "" : `: ${printable(error.message ?? "")}`),
    ...Object.entries(fields).map(([key, value]) =>
      styled(
        `${key}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
        "dim",
        colors,
      ),
    ),
  ].join(" ");
  const stack = withStacks && error?.stack !== undefined ? `${error.stack}\n` : "";
  return `${text}\n${stack}`;
}
