import { isRecord } from "../json.ts";
import { PROTO } from "../plain-json.ts";

// What differs between two values, as data. Lists and records of a checkpoint are compared by what they hold, and what those
// hold by identity: a change replaces what it changes and keeps the rest. So a patch takes as long to make as a checkpoint
// has entries, however large these are, and its size is that of the change.
// `applyPatch(before, patchOf(before, after))` is `after`, also where one of them has been through JSON.

/** What to do with a value: a record is set, dropped from and patched inside; a list is added to. */
export interface Patch {
  /** Set: the keys that are new or have another value. */
  s?: Record<string, unknown> | undefined;
  /** Dropped: the keys that are gone. */
  d?: string[] | undefined;
  /** Patched inside. */
  p?: Record<string, Patch> | undefined;
  /** Added at the end of a list. */
  a?: unknown[] | undefined;
}

/** How deep values are compared: `list` is a list that may only have grown, a record says it of its keys or of each. */
export type Depth =
  | "whole"
  | "list"
  | { readonly each: Depth }
  | { readonly keys: Readonly<Record<string, Depth>> };

type Fields = Record<string, unknown>;

/** What turns `before` into `after`; null where there is nothing to do. */
export function patchOf(before: object, after: object, depth: Depth): Patch | null {
  const patch: Patch = {};
  compareRecords(before as Fields, after as Fields, depth, patch);
  return isNothing(patch) ? null : patch;
}

/** @throws TypeError where the patch is of something else, or is none */
export function applyPatch(before: unknown, patch: Patch): unknown {
  const { s = {}, d = [], p = {}, a } = patch;
  if (a !== undefined) {
    if (!Array.isArray(before) || !Array.isArray(a)) throw new TypeError("a patch adds to a list");
    return [...before, ...a];
  }
  if (!isRecord(before)) throw new TypeError("a patch changes a record");
  if (!isRecord(s) || !isRecord(p) || !Array.isArray(d))
    throw new TypeError("a patch has keys to set, to drop and to patch");
  const after: Fields = { ...before };
  for (const key of d) delete after[String(key)];
  for (const key in s) put(after, key, s[key]);
  for (const key in p) {
    const inner = p[key];
    if (!isRecord(inner)) throw new TypeError(`a patch has another one in "${key}"`);
    put(after, key, applyPatch(Object.hasOwn(after, key) ? after[key] : undefined, inner));
  }
  return after;
}

function compareRecords(before: Fields, after: Fields, depth: Depth, patch: Patch): void {
  for (const key in after) {
    const value = after[key];
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    if (value === was) continue;
    // JSON leaves it out.
    if (value === undefined) drop(patch, key);
    else if (was === undefined) set(patch, key, value);
    else compare(key, was, value, depthOf(depth, key), patch);
  }
  for (const key in before) {
    if (before[key] !== undefined && !Object.hasOwn(after, key)) drop(patch, key);
  }
}

function compare(key: string, was: unknown, value: unknown, depth: Depth, patch: Patch): void {
  if (depth === "list") {
    const added = addedTo(was, value);
    if (added === null) set(patch, key, value);
    else if (added.length > 0) inside(patch, key, { a: added });
  } else if (depth !== "whole" && isRecord(was) && isRecord(value)) {
    const inner = patchOf(was, value, depth);
    if (inner !== null) inside(patch, key, inner);
  } else set(patch, key, value);
}

const depthOf = (depth: Depth, key: string): Depth => {
  if (typeof depth === "string") return "whole";
  if ("each" in depth) return depth.each;
  return Object.hasOwn(depth.keys, key) ? (depth.keys[key] ?? "whole") : "whole";
};

/** What the list has more than it had; null where it has not only grown. */
function addedTo(was: unknown, value: unknown): unknown[] | null {
  if (!Array.isArray(was) || !Array.isArray(value) || value.length < was.length) return null;
  for (let i = 0; i < was.length; i++) if (was[i] !== value[i]) return null;
  return value.slice(was.length);
}

function set(patch: Patch, key: string, value: unknown): void {
  patch.s ??= {};
  put(patch.s, key, value);
}

function drop(patch: Patch, key: string): void {
  patch.d ??= [];
  patch.d.push(key);
}

function inside(patch: Patch, key: string, inner: Patch): void {
  patch.p ??= {};
  put(patch.p, key, inner);
}

const isNothing = ({ s, d, p, a }: Patch): boolean =>
  s === undefined && d === undefined && p === undefined && a === undefined;

/** Sets a key that may be called anything. */
function put<T>(record: Record<string, T>, key: string, value: T): void {
  if (key !== PROTO) record[key] = value;
  else
    Object.defineProperty(record, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}
