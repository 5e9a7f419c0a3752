import type { Json } from "./json.ts";

// JSON of large values, made once: to write one takes longer than all else that a step does with it. What holds a value (a
// request, a context) is not changed once it is made, so that what was written of it stays true. Kept as bytes: a large
// string that lives for some time is copied twice by the garbage collector, and bytes are not.

/** Characters from which on a text is remembered. */
const LARGE = 4_096;

interface Written {
  readonly value: Json;
  readonly bytes: Uint8Array;
}

/** JSON, as text or as the bytes of it. */
export type JsonPart = string | Uint8Array;

const written = new WeakMap<object, Map<string, Written>>();

/** The JSON of the value that the holder has under this name. */
export function jsonIn(holder: object, name: string, value: Json): JsonPart {
  const known = written.get(holder)?.get(name);
  if (known !== undefined && known.value === value) return known.bytes;
  const text = quoted(value) ?? JSON.stringify(value);
  if (text.length < LARGE) return text;
  const bytes = Buffer.from(text);
  remember(holder, name, { value, bytes });
  return bytes;
}

/** True where JSON of something in the holder is remembered. */
export const hasJson = (holder: object): boolean => written.has(holder);

/** Lets another holder of the same values have what was written of them. */
export function passJson(from: object, to: Readonly<Record<string, Json>>): void {
  const known = written.get(from);
  if (known === undefined || to === from) return;
  for (const [name, one] of known) if (to[name] === one.value) remember(to, name, one);
}

/** Nobody is expected to write the holder's values soon. */
export function forgetJson(holder: object): void {
  written.delete(holder);
}

/** The JSON of an object of values. */
export function objectJson(
  holder: Readonly<Record<string, Json>>,
  write: typeof jsonIn = jsonIn,
): JsonPart[] {
  const parts: JsonPart[] = [];
  for (const name of Object.keys(holder)) {
    parts.push(`${parts.length === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    parts.push(write(holder, name, holder[name] ?? null));
  }
  parts.push(parts.length === 0 ? "{}" : "}");
  return parts;
}

/** Text where no part is bytes. */
export function joinJson(parts: readonly JsonPart[]): JsonPart {
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  return Buffer.concat(parts.map(bytesOf));
}

export const textOf = (json: JsonPart): string =>
  typeof json === "string" ? json : Buffer.from(json).toString();

export const bytesOf = (json: JsonPart): Uint8Array =>
  typeof json === "string" ? Buffer.from(json) : json;

/** Characters that JSON does not escape: all but control characters, quotes, backslashes and surrogates. */
const UNESCAPED = /[ !#-[\]-\ud7ff\ue000-\uffff]*/y;

/** The JSON of a large string that has no others, in a third of the time; null for anything else. */
function quoted(value: Json): string | null {
  if (typeof value !== "string" || value.length < LARGE) return null;
  UNESCAPED.lastIndex = 0;
  UNESCAPED.test(value);
  return UNESCAPED.lastIndex === value.length ? `"${value}"` : null;
}

function remember(holder: object, name: string, one: Written): void {
  const known = written.get(holder);
  if (known === undefined) written.set(holder, new Map([[name, one]]));
  else known.set(name, one);
}
