import { FloxideError } from "./errors.ts";

/** What JSON can carry. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * The value as JSON will carry it, sharing nothing with the one given.
 *
 * @param what - names the value in the error, such as `the output of node "charge"`
 * @throws FloxideError `validation` where JSON has no form for it (undefined, a function, a bigint, a cycle)
 */
export function toJson(value: unknown, what: string): Json {
  let text: string | undefined;
  try {
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
  return JSON.parse(text) as Json;
}

function unwritable(what: string, cause: unknown): FloxideError {
  return new FloxideError("validation", `${what} cannot be written as JSON: ${String(cause)}`, {
    cause,
  });
}

/** JSON text with the keys of every object sorted: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
