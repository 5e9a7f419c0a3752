import { canonicalJson } from "../../core/canonical-json.ts";
import type { Schema } from "../../core/schema.ts";
import { deepFreeze } from "../freeze.ts";
import { type AnySchema, anything, arrayOf } from "../schemas.ts";
import { defineField, type FieldOf, wireCopy } from "./field.ts";
import { compareText } from "./stamp.ts";

/** Handle of a {@link set} field. */
export interface SetHandle<T> {
  /** True where an equal value is in the set. */
  has(value: T): boolean;
  /** Adds a value; one that is in already changes nothing. */
  add(value: T): void;
  /** All values, in the order of their JSON texts. Frozen. */
  values(): readonly T[];
  /** How many values there are. */
  size(): number;
}

/**
 * A set of values that are compared as JSON, in which parallel additions meet.
 *
 * Nothing is ever taken out, and the whole set is part of the run's checkpoint: keep it to some thousands.
 *
 * @param schema - checks each value that the run is started with, and each that is added
 */
export function set<T>(schema?: Schema<T, unknown>): FieldOf<T, readonly T[], SetHandle<T>> {
  const check: AnySchema | null = schema ?? null;
  const list = arrayOf(check ?? anything);
  return defineField<T, readonly T[], SetHandle<T>>({
    kind: "set",
    empty: Object.freeze([]) as readonly T[],
    merge: union<T>,
    initial: (given, what) => union<T>([], wireCopy<readonly T[]>(given, what, list, "input")),
    open: (current, emit, _env, what) => openSet(current, emit, check, what),
  });
}

function openSet<T>(
  current: readonly T[],
  emit: (delta: readonly T[]) => void,
  check: AnySchema | null,
  what: string,
): SetHandle<T> {
  let known: Map<string, T> | null = null;
  let sorted: readonly T[] | null = null;
  // Made when first needed: many nodes never look at the field.
  const texts = (): Map<string, T> => {
    known ??= new Map(current.map((value) => [canonicalJson(value), value]));
    return known;
  };
  return {
    has: (value) => texts().has(canonicalJson(value)),
    add: (given) => {
      const value = wireCopy<T>(given, `a value of ${what}`, check);
      const text = canonicalJson(value);
      if (texts().has(text)) return;
      texts().set(text, value);
      sorted = null;
      emit([value]);
    },
    values: () => {
      sorted ??= deepFreeze(inOrder(texts()));
      return sorted;
    },
    size: () => texts().size,
  };
}

function union<T>(left: readonly T[], right: readonly T[]): readonly T[] {
  const texts = new Map<string, T>();
  for (const value of left) texts.set(canonicalJson(value), value);
  for (const value of right) {
    const text = canonicalJson(value);
    if (!texts.has(text)) texts.set(text, value);
  }
  return inOrder(texts);
}

function inOrder<T>(texts: ReadonlyMap<string, T>): readonly T[] {
  return [...texts].sort(([left], [right]) => compareText(left, right)).map(([, value]) => value);
}
