import { FloxideError } from "../../core/errors.ts";
import type { Field } from "./field.ts";

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
  return Object.freeze({
    kind: "counter",
    empty: 0,
    merge: (left: number, right: number) => left + right,
    initial: (given: unknown, what: string) => finite(given, what, "input"),
    open: (current: number, emit: (delta: number) => void) => {
      let sum = current;
      return {
        get: () => sum,
        add: (by = 1) => {
          sum += finite(by, "what is added to a counter", "output");
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
