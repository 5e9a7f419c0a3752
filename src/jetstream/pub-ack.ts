import { type ApiError, JetStreamApiError } from "@nats-io/jetstream";
import type { Msg } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";

/** What JetStream says to a publish that it has stored. */
export interface PubAck {
  readonly seq: number;
  /** True where the message id is known: `seq` is then that of the message stored before. */
  readonly duplicate?: boolean;
}

const STORED = /^\{"stream":"[^"\\]*","seq":([1-9]\d{0,14})\}$/;

/**
 * Reads the answer to a publish.
 *
 * @throws JetStreamApiError where it was refused, FloxideError `backend` where the answer is none
 */
export function readPubAck(msg: Msg): PubAck {
  // Nearly all answers say just this, and each step has one.
  const stored = STORED.exec(msg.string());
  if (stored !== null) return { seq: Number(stored[1]) };
  const ack = readApiResponse<Partial<PubAck>>(msg);
  const { seq } = ack;
  if (!Number.isSafeInteger(seq) || seq === undefined || seq < 1) throw unreadable("a publish");
  return { ...ack, seq };
}

/**
 * Reads an answer of the JetStream API.
 *
 * @throws JetStreamApiError where it is an error, FloxideError `backend` where it is no answer
 */
export function readApiResponse<T>(msg: Msg): T {
  const answer = objectIn(msg);
  if (answer.error === undefined) return answer as T;
  const { code, err_code, description } = answer.error ?? {};
  if (typeof code !== "number" || typeof description !== "string") throw unreadable("a request");
  throw new JetStreamApiError({
    code,
    err_code: typeof err_code === "number" ? err_code : 0,
    description,
  });
}

/** The error of an answer that is not what the server should say. @param to - what was answered */
export function unreadable(to: string, cause?: unknown): FloxideError {
  return new FloxideError("backend", `the answer of JetStream to ${to} cannot be read`, { cause });
}

function objectIn(msg: Msg): { readonly error?: Partial<ApiError> | null } {
  let answer: unknown;
  try {
    answer = msg.json();
  } catch (cause) {
    throw unreadable("a request", cause);
  }
  if (typeof answer !== "object" || answer === null) throw unreadable("a request");
  return answer;
}
