import type { Arbitrary } from "fast-check";
import { type ErrorCode, isFloxideError } from "../../src/core/errors.ts";
import { ERROR_NUMBERS } from "../../src/service/error-reply.ts";

/** What became of one case: taken, or refused with a code. Anything else is a fault, and thrown. */
export type Verdict = "accepted" | ErrorCode;

/** A door that is open: cases can be tried at it. */
interface Opened<C> {
  /** Tries one case. Throws, or rejects, only where the door is at fault. */
  readonly attempt: (one: C) => Verdict | Promise<Verdict>;
  readonly close?: () => Promise<void>;
}

/** One way for what others wrote to come in. */
export interface Door<C = unknown> {
  readonly name: string;
  /** What is tried, in one sentence. */
  readonly summary: string;
  readonly cases: Arbitrary<C>;
  /** Cases of the default tests: few where each of them is slow. */
  readonly few: number;
  /** Batches after which it gets a new process, where what is tried cannot be let go of. @default none */
  readonly batchesPerProcess?: number;
  open(): Opened<C> | Promise<Opened<C>>;
}

/** A door, its case type forgotten. */
export const door = <C>(spec: Door<C>): Door => spec as unknown as Door;

/** Longest message of an error, in characters: one that holds what it refuses is as large as that. */
const MESSAGE_LIMIT = 16_384;

/** The code of a refusal. @throws where it is none */
export function refusalOf(thrown: unknown): ErrorCode {
  if (!isFloxideError(thrown) || !Object.hasOwn(ERROR_NUMBERS, thrown.code)) {
    throw new Error("what was thrown is no refusal", { cause: thrown });
  }
  if (thrown.message === "" || thrown.message.length > MESSAGE_LIMIT) {
    throw new Error(`the message of the refusal has ${thrown.message.length} characters`);
  }
  return thrown.code;
}

/** What became of an act: taken, or refused. @throws where neither */
export function judged(act: () => unknown): Verdict {
  try {
    act();
    return "accepted";
  } catch (error) {
    return refusalOf(error);
  }
}

/** As {@link judged}, for what takes time. */
export async function judgedLater(act: () => Promise<unknown>): Promise<Verdict> {
  try {
    await act();
    return "accepted";
  } catch (error) {
    return refusalOf(error);
  }
}

/** Says what does not hold. */
export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
