import { FloxideError } from "./errors.ts";
import { plainCopy } from "./plain-json.ts";

/** What JSON can carry. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** True for objects that are no lists. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the text stands for, or null where it is no JSON. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Levels that a value may be nested. What writes JSON is recursive: what one process can write just so, another with
 * more on its stack cannot, and the run would stand still there.
 */
export const MAX_DEPTH = 500;

/** @throws FloxideError `validation` where the value is nested deeper than {@link MAX_DEPTH} */
export function checkDepth(value: unknown, what: string): void {
  if (isDeeperThan(MAX_DEPTH, value)) {
    throw new FloxideError(
      "validation",
      `${what} is nested more than ${MAX_DEPTH} levels: give it a flatter form`,
      { details: { limit: MAX_DEPTH } },
    );
  }
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (value === null || typeof value !== "object") return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((inner) => isDeeperThan(levels - 1, inner));
  for (const key in value) {
    if (isDeeperThan(levels - 1, (value as Record<string, unknown>)[key])) return true;
  }
  return false;
}

/**
 * The value as JSON will carry it, sharing nothing with the one given.
 *
 * @param what - names the value in the error, such as `the output of node "charge"`
 * @throws FloxideError `validation` where JSON has no form for it (undefined, a function, a bigint, a cycle), or it is
 * nested too deep
 */
export function toJson(value: unknown, what: string): Json {
  let text: string | undefined;
  try {
    const plain = plainCopy(value, MAX_DEPTH);
    if (plain !== undefined) return plain;
    text = JSON.stringify(value);
  } catch (error) {
    throw unwritable(what, error);
  }
  if (text === undefined) {
    throw new FloxideError(
      "validation",
      `${what} cannot be written as JSON: it is ${typeof value}; give null where there is nothing`,
    );
  }
  const copy = JSON.parse(text) as Json;
  checkDepth(copy, what);
  return copy;
}

/** The error for what JSON cannot carry. */
export function unwritable(what: string, cause: unknown): FloxideError {
  return new FloxideError("validation", `${what} cannot be written as JSON: ${saidBy(cause)}`, {
    cause,
  });
}

/** Anything may be thrown, also what has no text. */
function saidBy(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "it throws what has no text";
  }
}
