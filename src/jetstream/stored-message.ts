import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { decodeHeaders, headersOf } from "./headers-of.ts";
import { unreadable } from "./pub-ack.ts";

/** A message as a stream keeps it. */
export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  /** When it was stored, in milliseconds since the epoch. */
  readonly storedAt: number;
  readonly headers: MsgHdrs | undefined;
  readonly body: string;
  /** How many more would follow this one in a batch; 0 where it was asked for alone. */
  readonly pending: number;
}

/**
 * Reads the reply to a direct get: the stream's own headers name the message, and stand behind those that it was
 * published with.
 *
 * @throws FloxideError `backend` where they do not
 */
export function fromDirectGet(msg: Msg): StoredMessage {
  const headers = headersOf(msg);
  const seq = Number(headers?.last("Nats-Sequence"));
  const storedAt = Date.parse(headers?.last("Nats-Time-Stamp") ?? "");
  const pending = Number(headers?.last("Nats-Num-Pending") ?? 0);
  if (!isPosition(seq) || Number.isNaN(storedAt) || !Number.isSafeInteger(pending))
    throw unreadable("a stored message");
  const subject = headers?.last("Nats-Subject") ?? "";
  return { subject, seq, storedAt, headers, body: msg.string(), pending };
}

/**
 * The status of a reply that is no message; 0 for a message. A stored message may have been published with a status line
 * and no body: that the stream names its subject tells it from the server's own word.
 */
export function statusOf(msg: Msg): { readonly code: number; readonly description: string } {
  const headers = msg.data.length === 0 ? headersOf(msg) : undefined;
  if (headers === undefined || headers.has("Nats-Subject")) return { code: 0, description: "" };
  const { code, description } = headers;
  return { code, description };
}

/** What the leader's `STREAM.MSG.GET` gives. */
export interface MessageGetResponse {
  readonly message: {
    readonly subject?: string;
    readonly seq?: number;
    readonly time?: string;
    readonly hdrs?: string;
    readonly data?: string;
  };
}

/** Reads the leader's answer. @throws FloxideError `backend` where it holds no message */
export function fromMessageGet(answer: Partial<MessageGetResponse>): StoredMessage {
  const { subject, seq, time, hdrs, data } = answer.message ?? {};
  const storedAt = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (typeof subject !== "string" || !isPosition(seq) || Number.isNaN(storedAt))
    throw unreadable("a stored message");
  if (!isTextOrNone(hdrs) || !isTextOrNone(data)) throw unreadable("a stored message");
  return {
    subject,
    seq,
    storedAt,
    headers: hdrs === undefined ? undefined : decodeHeaders(Buffer.from(hdrs, "base64")),
    body: data === undefined ? "" : Buffer.from(data, "base64").toString("utf8"),
    pending: 0,
  };
}

const isPosition = (seq: unknown): seq is number => Number.isSafeInteger(seq) && Number(seq) > 0;

const isTextOrNone = (value: unknown): boolean => value === undefined || typeof value === "string";
