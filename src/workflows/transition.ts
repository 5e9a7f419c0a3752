import { FloxideError } from "../core/errors.ts";

/** What a parked item waits for: a signal, some time, or whichever comes first. */
export interface HoldWait {
  /** Name of the signal, or null where only time releases the item. */
  readonly for: string | null;
  /** Milliseconds until it is released anyway, or null where only the signal releases it. */
  readonly timeoutMs: number | null;
}

/** What a node answers when it has run. */
export type Transition<T> =
  /** One value to each successor. */
  | { readonly type: "next"; readonly value: T }
  /** Each value to each successor: fan-out. Opens a fork, whatever the count. */
  | { readonly type: "nextAll"; readonly values: readonly T[] }
  /** Ends the item without a value (`wait` null), or parks it until it is released. */
  | { readonly type: "hold"; readonly wait: HoldWait | null }
  /** Fails the attempt: tried again by the retry policy, then to the `onError` edges, else the run fails. */
  | { readonly type: "abort"; readonly error: Error };

/** A transition that hands values on. */
export type Emission<T> = Extract<Transition<T>, { readonly type: "next" | "nextAll" }>;

/** How to park an item: for a signal, with or without a limit, or for a time. */
export type HoldOptions =
  | {
      /** Name of the signal that releases the item. */
      readonly for: string;
      /** Milliseconds after which the item is released without the signal. @default never */
      readonly timeoutMs?: number;
    }
  | {
      readonly for?: never;
      /** Milliseconds after which the item is released. */
      readonly timeoutMs: number;
    };

/** Hands one value to each successor; where there is none, the value is a result of the run. */
export function next<const T>(value: T): Transition<T> {
  return { type: "next", value };
}

/** Hands each value to each successor. None at all is allowed: a join that follows gets an empty list. */
export function nextAll<const T>(values: readonly T[]): Transition<T> {
  return { type: "nextAll", values };
}

/**
 * Hands nothing on.
 *
 * `hold()` ends the item: another one of the run goes on in its place ("merge by hold").
 * `hold({ for: "approval" })` parks it until a signal of that name comes, however long that takes and whatever
 * process dies meanwhile; `timeoutMs` limits the wait. The node is then executed again with `context.wake` set.
 *
 * @throws FloxideError `validation` where the wait is not one
 */
export function hold(options?: HoldOptions): Transition<never> {
  if (options === undefined) return { type: "hold", wait: null };
  const wait = { for: options.for ?? null, timeoutMs: options.timeoutMs ?? null };
  if (wait.for !== null && typeof wait.for !== "string") {
    throw new FloxideError(
      "validation",
      `hold waits for a signal by its name, not ${typeof wait.for}`,
    );
  }
  if (wait.for === "" || (wait.for === null && wait.timeoutMs === null)) {
    throw new FloxideError("validation", "hold needs the name of a signal, a timeoutMs, or both");
  }
  if (wait.timeoutMs !== null && !(Number.isFinite(wait.timeoutMs) && wait.timeoutMs >= 0)) {
    throw new FloxideError(
      "validation",
      `the timeoutMs of a hold must be 0 or more milliseconds, it is ${wait.timeoutMs}`,
    );
  }
  return { type: "hold", wait };
}

/**
 * Parks the item for some time, durably; the node is then executed again with `context.wake` set.
 *
 * @param ms - milliseconds, 0 or more
 * @throws FloxideError `validation` where `ms` is not such a number
 */
export function sleep(ms: number): Transition<never> {
  return hold({ timeoutMs: ms });
}

/** Fails the attempt with an error, or with a sentence that becomes one. */
export function abort(error: Error | string): Transition<never> {
  return { type: "abort", error: typeof error === "string" ? new Error(error) : error };
}

/** What is stored as a wait must be one: a run whose checkpoint has another could not be read again. */
function isWait(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== "object" || !("for" in value) || !("timeoutMs" in value)) return false;
  const { for: name, timeoutMs } = value;
  const isNamed = typeof name === "string" && name !== "";
  const isTimed = typeof timeoutMs === "number" && timeoutMs >= 0 && Number.isFinite(timeoutMs);
  return (isNamed || name === null) && (isTimed || timeoutMs === null) && (isNamed || isTimed);
}

/** True for what one of the functions above gives. */
export function isTransition(value: unknown): value is Transition<unknown> {
  if (value === null || typeof value !== "object" || !("type" in value)) return false;
  switch (value.type) {
    case "next":
      return "value" in value;
    case "nextAll":
      return "values" in value && Array.isArray(value.values);
    case "hold":
      return "wait" in value && isWait(value.wait);
    case "abort":
      return "error" in value && value.error instanceof Error;
    default:
      return false;
  }
}
