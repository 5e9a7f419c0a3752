import { type ApiError, JetStreamApiError } from "@nats-io/jetstream";
import type { Msg } from "@nats-io/nats-core";

/** What JetStream says to a publish that it has stored. */
export interface PubAck {
  readonly seq: number;
  /** True where the message id is known: `seq` is then that of the message stored before. */
  readonly duplicate?: boolean;
}

/** Reads the answer to a publish. @throws JetStreamApiError where it was refused */
export function readPubAck(msg: Msg): PubAck {
  return readApiResponse<PubAck>(msg);
}

/** Reads an answer of the JetStream API. @throws JetStreamApiError where it is an error */
export function readApiResponse<T>(msg: Msg): T {
  const answer = msg.json<T & { error?: ApiError }>();
  if (answer.error !== undefined) throw new JetStreamApiError(answer.error);
  return answer;
}
