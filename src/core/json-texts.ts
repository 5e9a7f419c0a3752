import type { Json } from "./json.ts";

// JSON of large values, made once: to write one takes longer than all else that a step does with it. What holds a value (a
// request, a context) is not changed once it is made, so that what was written of it stays true; and its texts go with it.

/** Characters from which on a text is remembered. */
const LARGE = 4_096;

interface Written {
  readonly value: Json;
  readonly text: string;
}

const written = new WeakMap<object, Map<string, Written>>();

/** The text of the value that the holder has under this name. */
export function textIn(holder: object, name: string, value: Json): string {
  const known = knownText(holder, name, value);
  if (known !== null) return known;
  const text = JSON.stringify(value);
  if (text.length >= LARGE) remember(holder, name, { value, text });
  return text;
}

/** True where a text of something in the holder is remembered. */
export const hasTexts = (holder: object): boolean => written.has(holder);

/** Lets another holder of the same values have what was written of them. */
export function passTexts(from: object, to: Readonly<Record<string, Json>>): void {
  const texts = written.get(from);
  if (texts === undefined || to === from) return;
  for (const [name, one] of texts) if (to[name] === one.value) remember(to, name, one);
}

/** The text of an object that holds values, with what is remembered of them. */
export function objectText(holder: Readonly<Record<string, Json>>): string {
  const texts = written.get(holder);
  if (texts === undefined) return JSON.stringify(holder);
  const parts = Object.keys(holder).map((name) => {
    const value = holder[name] ?? null;
    return `${JSON.stringify(name)}:${knownText(holder, name, value) ?? JSON.stringify(value)}`;
  });
  return `{${parts.join(",")}}`;
}

function knownText(holder: object, name: string, value: Json): string | null {
  const known = written.get(holder)?.get(name);
  return known !== undefined && known.value === value ? known.text : null;
}

function remember(holder: object, name: string, one: Written): void {
  const texts = written.get(holder);
  if (texts === undefined) written.set(holder, new Map([[name, one]]));
  else texts.set(name, one);
}
