import { canonicalJson } from "../../core/canonical-json.ts";
import type { Schema } from "../../core/schema.ts";
import { deepFreeze } from "../freeze.ts";
import { defineField, type FieldOf, wireCopy } from "./field.ts";
import { compareStamps, compareText, INITIAL_AT, type Stamp, timeAfter } from "./stamp.ts";

/** Stored form of a {@link latest} field: the value and the write that it came by. */
export interface Stamped<T> extends Stamp {
  readonly value: T;
}

/** Handle of a {@link latest} field. */
export interface LatestHandle<T> {
  /** The value, or null where none was set. Frozen. */
  get(): T | null;
  /** Replaces the value. */
  set(value: T): void;
}

/**
 * A value that each write replaces.
 *
 * Of parallel writes the one with the later time wins, whichever commits first; a write that has seen another one is
 * always the later, even where clocks differ.
 *
 * @param schema - checks what the run is started with, and what is set
 */
export function latest<T>(
  schema?: Schema<T, unknown>,
): FieldOf<T, Stamped<T> | null, LatestHandle<T>, T> {
  const check = schema ?? null;
  return defineField<T, Stamped<T> | null, LatestHandle<T>, T>({
    kind: "latest",
    empty: null,
    merge: newer,
    initial: (given, what) => ({
      at: INITIAL_AT,
      id: "",
      value: wireCopy<T>(given, what, check, "input"),
    }),
    open: (current, emit, env, what) => {
      let stamped = current;
      let at: string | null = null;
      return {
        get: () => (stamped === null ? null : deepFreeze(stamped.value)),
        set: (given: T) => {
          const value = wireCopy<T>(given, `the value of ${what}`, check);
          at ??= timeAfter(current?.at, env);
          stamped = { at, id: env.newId(), value };
          emit(stamped);
        },
      };
    },
  });
}

function newer<T>(left: Stamped<T> | null, right: Stamped<T> | null): Stamped<T> | null {
  if (left === null) return right;
  if (right === null) return left;
  const order =
    compareStamps(left, right) ||
    compareText(canonicalJson(left.value), canonicalJson(right.value));
  return order < 0 ? right : left;
}
