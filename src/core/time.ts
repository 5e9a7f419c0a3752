import { z } from "zod";

/** A stored time. What is none would become no number where it is compared, and throw where it is written again. */
export const TimeSchema = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), { error: "must be a time" });

/** The largest distance from the epoch that a date can have, in milliseconds. Source: ECMAScript, Time Values. */
const FARTHEST_MS = 8.64e15;

/** A time in milliseconds since the epoch. */
export const TimeMsSchema = z.number().min(-FARTHEST_MS).max(FARTHEST_MS);
