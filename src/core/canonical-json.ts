import { MAX_DEPTH } from "./json.ts";
import { isPlain, PROTO } from "./plain-json.ts";

/** JSON text with the keys of every object sorted: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  const ordered = inOrder(value, MAX_DEPTH);
  return ordered === undefined ? sortedJson(value) : JSON.stringify(ordered);
}

/**
 * The value with the keys of every object sorted: itself where they are.
 *
 * @returns undefined where it is not known to be plain JSON: see {@link sortedJson}
 */
export function inOrder(value: unknown, levels = MAX_DEPTH): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0 || !isPlain(value)) return undefined;
  return Array.isArray(value) ? listInOrder(value, levels) : objectInOrder(value, levels);
}

function listInOrder(list: readonly unknown[], levels: number): unknown {
  let copy: unknown[] | null = null;
  for (let i = 0; i < list.length; i++) {
    const inner = inOrder(list[i], levels - 1);
    if (inner === list[i]) continue;
    if (inner === undefined) return undefined;
    copy ??= [...list];
    copy[i] = inner;
  }
  return copy ?? list;
}

function objectInOrder(value: object, levels: number): unknown {
  const from = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(from);
  let isSame = true;
  let last = "";
  const inner: unknown[] = [];
  for (const key of keys) {
    const ordered = key === PROTO ? undefined : inOrder(from[key], levels - 1);
    if (ordered === undefined && (key === PROTO || from[key] !== undefined)) return undefined;
    if (ordered !== from[key] || key < last) isSame = false;
    last = key;
    inner.push(ordered);
  }
  if (isSame) return value;
  const places = keys.map((_key, place) => place);
  places.sort((a, b) => ((keys[a] ?? "") < (keys[b] ?? "") ? -1 : 1));
  const copy: Record<string, unknown> = {};
  for (const place of places) copy[keys[place] ?? ""] = inner[place];
  return copy;
}

/** As {@link canonicalJson}, of anything that JSON can write. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
