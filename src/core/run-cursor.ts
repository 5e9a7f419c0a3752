import { FloxideError } from "./errors.ts";
import { cut } from "./issues.ts";

// A cursor of a listing of runs is a position in the order of their last writes: the rest of the listing lies below it.

/** The cursor as callers carry it. */
export const toCursor = (position: number): string => String(position);

/** Reads what {@link toCursor} wrote. @throws FloxideError `validation` for anything else */
export function fromCursor(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new FloxideError(
    "validation",
    `"${cut(cursor, 100)}" is no cursor of a listing of runs: begin with the first page`,
  );
}
