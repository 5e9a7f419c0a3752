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

const remembered = new WeakMap<object, Map<string, Written>>();

/** The JSON of the value that the holder has under this name. */
export function jsonIn(holder: object, name: string, value: Json): JsonPart {
  const known = remembered.get(holder)?.get(name);
  if (known !== undefined && known.value === value) return known.bytes;
  const json = isVerbatim(value, unescaped.has(holder)) ? quoted(value) : written(value);
  if (typeof json !== "string") remember(holder, name, { value, bytes: json });
  return json;
}

/** Bytes where it is large. */
function written(value: Json): JsonPart {
  const text = JSON.stringify(value);
  return text.length < LARGE ? text : Buffer.from(text);
}

/** Holders whose strings were read from JSON that escapes nothing: none of them needs it. */
const unescaped = new WeakSet<object>();

/** Remembers of what JSON, in UTF-8, the holders' values were read. Nobody has to look through them, then. */
export function noteSource(json: string, ...holders: readonly object[]): void {
  if (json.length < LARGE || json.includes("\\")) return;
  for (const holder of holders) unescaped.add(holder);
}

/** True where JSON of something in the holder is remembered. */
export const hasJson = (holder: object): boolean => remembered.has(holder);

/** Lets another holder of the same values have what was written of them. */
export function passJson(from: object, to: Readonly<Record<string, Json>>): void {
  const known = remembered.get(from);
  if (known === undefined || to === from) return;
  for (const [name, one] of known) if (to[name] === one.value) remember(to, name, one);
}

/** Nobody is expected to write the holder's values soon. */
export function forgetJson(holder: object): void {
  remembered.delete(holder);
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

/** True for a large string that stands in JSON as it is. To see that takes a third of the time that JSON takes to write it. */
function isVerbatim(value: Json, isKnown: boolean): value is string {
  if (typeof value !== "string" || value.length < LARGE) return false;
  if (isKnown) return true;
  UNESCAPED.lastIndex = 0;
  UNESCAPED.test(value);
  return UNESCAPED.lastIndex === value.length;
}

const QUOTE = 0x22;

/** The string in quotes, with no other string made on the way. */
function quoted(value: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(value) + 2);
  bytes[0] = QUOTE;
  bytes.write(value, 1);
  bytes[bytes.length - 1] = QUOTE;
  return bytes;
}

function remember(holder: object, name: string, one: Written): void {
  const known = remembered.get(holder);
  if (known === undefined) remembered.set(holder, new Map([[name, one]]));
  else known.set(name, one);
}
