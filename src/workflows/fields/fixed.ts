import { FloxideError } from "../../core/errors.ts";
import type { Schema } from "../../core/schema.ts";
import { deepFreeze } from "../freeze.ts";
import { defineField, type FieldOf, wireCopy } from "./field.ts";

/** Handle of a {@link fixed} field. */
export interface FixedHandle<T> {
  /** The value. Frozen. @throws FloxideError `illegal_state` where it was never set */
  get(): T;
  /** True where the value was set. */
  isSet(): boolean;
  /** Sets the value where it was not set before, else does nothing: the first one stays. */
  set(value: T): void;
}

/**
 * A value that is set once, as a rule when the run starts, and never changes again.
 *
 * Where parallel nodes set it, the first that commits wins. Null stands for "not set" and cannot be a value.
 *
 * @param schema - checks what the run is started with, and what is set
 */
export function fixed<T extends NonNullable<unknown>>(
  schema?: Schema<T, unknown>,
): FieldOf<T, T | null, FixedHandle<T>, T> {
  const check = schema ?? null;
  return defineField<T, T | null, FixedHandle<T>, T>({
    kind: "fixed",
    empty: null,
    merge: (left, right) => left ?? right,
    initial: (given, what) => wireCopy<T>(given, what, check, "input"),
    open: (current, emit, _env, what) => {
      let value = current;
      return {
        get: () => {
          if (value !== null) return deepFreeze(value);
          throw new FloxideError(
            "illegal_state",
            `${what} is read and not set: give it when the run starts, or set it first`,
          );
        },
        isSet: () => value !== null,
        set: (given: T) => {
          if (value !== null) return;
          value = wireCopy<T>(given, `the value of ${what}`, check);
          emit(value);
        },
      };
    },
  });
}
