import { z } from "zod";
import { FloxideError } from "../core/errors.ts";
import { cut } from "../core/issues.ts";
import { jsonOrNull } from "../core/json.ts";

/** Where a run stands in a listing. */
export interface Place {
  readonly createdAt: string;
  readonly runId: string;
}

/** Newest first; runs of the same millisecond by id. */
export function newestFirst(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1;
  if (a.runId === b.runId) return 0;
  return a.runId < b.runId ? -1 : 1;
}

/** Where a listing goes on. */
export interface RunCursor extends Place {
  /** The stream's last position when the listing began: 0 where the whole of it is read each time. */
  readonly top: number;
  /** Nothing between this position and `top` is left to be listed. */
  readonly below: number;
}

const Position = z.number().int().nonnegative();
const CursorSchema = z.tuple([z.string(), z.string(), Position, Position]);

/** The cursor as callers carry it. */
export function toCursor({ createdAt, runId, top, below }: RunCursor): string {
  return Buffer.from(JSON.stringify([createdAt, runId, top, below])).toString("base64url");
}

/** Reads what {@link toCursor} wrote. @throws FloxideError `validation` for anything else */
export function fromCursor(cursor: string): RunCursor {
  const parsed = CursorSchema.safeParse(jsonOrNull(Buffer.from(cursor, "base64url").toString()));
  if (!parsed.success) {
    throw new FloxideError(
      "validation",
      `"${cut(cursor, 100)}" is no cursor of a listing of runs`,
      {
        cause: parsed.error,
      },
    );
  }
  const [createdAt, runId, top, below] = parsed.data;
  return { createdAt, runId, top, below };
}
