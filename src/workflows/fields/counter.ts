import { FloxideError } from "../../core/errors.ts";
import { defineField, type Field } from "./field.ts";

/** Handle of a {@link counter} field. */
export interface CounterHandle {
  /** The sum as it stands, the node's own additions included. */
  get(): number;
  /** Adds. @param by - any finite number. @default 1 */
  add(by?: number): void;
}

/**
 * A sum: additions of parallel nodes all count.
 *
 * Whole numbers up to 2^53 add up exactly; fractions carry the error of floating point.
 */
export function counter(): Field<number, CounterHandle> {
  return defineField<number, number, CounterHandle>({
    kind: "counter",
    empty: 0,
    merge: (left, right) => left + right,
    initial: (given, what) => finite(given, what, "input"),
    open: (current, emit, _env, what) => {
      let sum = current;
      return {
        get: () => sum,
        add: (by = 1) => {
          finite(by, `what is added to ${what}`, "output");
          sum = finite(sum + by, `the sum in ${what}`, "output");
          emit(by);
        },
      };
    },
  });
}

function finite(value: unknown, what: string, direction: "input" | "output"): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new FloxideError("validation", `${what} does not fit: expected a finite number`, {
    details: { direction },
  });
}
