import { z } from "zod";
import { delayMs, FatalError, isFloxideError, RetryLater } from "./errors.ts";

/** Longest name, message and stack that a stored failure keeps, in characters: checkpoints are rewritten often. */
const NAME_LIMIT = 100;
const MESSAGE_LIMIT = 1_000;
const STACK_LIMIT = 2_000;

/** Why an attempt failed, as it is stored. */
export const FailureSchema = z.looseObject({
  /**
   * `error`: thrown by the node or given to `abort`. `timeout`: longer than `timeoutMs`. `validation`: refused by a
   * schema. `lost`: the worker died, or lost touch, while it executed the node; without a node, JetStream has lost the
   * run. `payload_too_large`: what the node gave does not fit. `cancelled`: its signal was aborted.
   */
  kind: z.enum(["error", "timeout", "validation", "lost", "payload_too_large", "cancelled"]),
  /** The error's own name, such as `TypeError`. */
  name: z.string(),
  message: z.string(),
  /** True where trying again is pointless: a `FatalError`, or input that the schema refuses. */
  fatal: z.boolean(),
  stack: z.string().nullable(),
  /** Node, item and attempt it happened in; null for a failure of the run itself. */
  node: z.string().nullable(),
  item: z.number().int().nullable(),
  attempt: z.number().int().nullable(),
  at: z.string(),
});
export type Failure = z.infer<typeof FailureSchema>;
export type FailureKind = Failure["kind"];

/** Where and when an attempt failed. */
export interface FailureSite {
  readonly node: string | null;
  readonly item: number | null;
  readonly attempt: number | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Makes the stored form of whatever was thrown, and never throws itself. Long messages and stacks are cut. */
export function toFailure(thrown: unknown, site: FailureSite): Failure {
  const error = isA(thrown, Error) ? thrown : new Error(describe(thrown));
  const stack = textOf(error, "stack");
  return {
    kind: tryTo(() => kindOf(error)) ?? "error",
    name: cut(textOf(error, "name") ?? "Error", NAME_LIMIT),
    message: cut(textOf(error, "message") ?? "an error whose message is no text", MESSAGE_LIMIT),
    fatal:
      isA(error, FatalError) ||
      isCalled(error, "FatalError") ||
      tryTo(() => isFatalCode(error)) === true,
    stack: stack === null ? null : cut(stack, STACK_LIMIT),
    node: site.node,
    item: site.item,
    attempt: site.attempt,
    at: new Date(site.now).toISOString(),
  };
}

/** Milliseconds that the node asked to wait, or null where it did not ask. */
export function askedDelayMs(thrown: unknown): number | null {
  if (!isA(thrown, RetryLater) && !isCalled(thrown, "RetryLater")) return null;
  const asked = tryTo<unknown>(() => (thrown as { afterMs?: unknown }).afterMs);
  return typeof asked === "number" ? delayMs(asked) : null;
}

/**
 * True for an error of that name. Node code may come with its own copy of floxide, whose classes are others.
 */
function isCalled(thrown: unknown, name: string): boolean {
  return isA(thrown, Error) && textOf(thrown, "name") === name;
}

function kindOf(error: Error): FailureKind {
  if (!isFloxideError(error)) return "error";
  switch (error.code) {
    case "timeout":
    case "validation":
    case "payload_too_large":
    case "cancelled":
      return error.code;
    default:
      return "error";
  }
}

/** Input that does not fit and output that is too large will not get better by repetition. */
function isFatalCode(error: Error): boolean {
  if (!isFloxideError(error)) return false;
  return (
    error.code === "payload_too_large" ||
    (error.code === "validation" && error.details["direction"] === "input")
  );
}

function describe(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  return (
    tryTo(() => JSON.stringify(thrown)) ??
    tryTo(() => String(thrown)) ??
    "a value that cannot be written as text"
  );
}

/** What the error says there, or null where that is no text or cannot be read: anything may be thrown. */
function textOf(error: Error, field: "name" | "message" | "stack"): string | null {
  const value = tryTo<unknown>(() => error[field]);
  return typeof value === "string" ? value : null;
}

/** `instanceof` that says no where a proxy does not let itself be asked. */
function isA<T>(value: unknown, type: abstract new (...args: never) => T): value is T {
  return tryTo(() => value instanceof type) === true;
}

/** What it gives, or undefined where it throws. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length} characters)`;
}
