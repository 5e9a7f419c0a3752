import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { MsgHdrsImpl } from "@nats-io/nats-core";

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

/** Reads the reply to a direct get: the stream's own headers name the message. */
export function fromDirectGet(msg: Msg): StoredMessage {
  const headers = msg.headers;
  return {
    subject: headers?.last("Nats-Subject") ?? "",
    seq: Number(headers?.last("Nats-Sequence")),
    storedAt: Date.parse(headers?.last("Nats-Time-Stamp") ?? ""),
    headers,
    body: msg.string(),
    pending: Number(headers?.last("Nats-Num-Pending") ?? 0),
  };
}

/** What the leader's `STREAM.MSG.GET` gives. */
export interface MessageGetResponse {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly hdrs?: string;
    readonly data?: string;
  };
}

/** Reads the leader's answer. */
export function fromMessageGet({ message }: MessageGetResponse): StoredMessage {
  const { subject, seq, time, hdrs, data } = message;
  return {
    subject,
    seq,
    storedAt: Date.parse(time),
    headers: hdrs === undefined ? undefined : MsgHdrsImpl.decode(Buffer.from(hdrs, "base64")),
    body: data === undefined ? "" : Buffer.from(data, "base64").toString("utf8"),
    pending: 0,
  };
}
