/** Why a request has no answer. */
export type NoAnswerReason = "timeout" | "no_responders" | "disconnected" | "unavailable";

/**
 * A request that was not answered. Whether the server acted on it is not known, except for `no_responders` and
 * `unavailable`, where it did not. All of them are worth another try.
 */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly reason: NoAnswerReason;
  readonly subject: string;

  constructor(reason: NoAnswerReason, subject: string, options: { readonly cause?: unknown } = {}) {
    super(`${MESSAGES[reason]} (${subject})`, options);
    this.reason = reason;
    this.subject = subject;
  }
}

const MESSAGES: Record<NoAnswerReason, string> = {
  timeout: "the server did not answer in time",
  no_responders: "nobody answers: JetStream is off, still starting, or the stream is gone",
  disconnected: "the connection to NATS was lost",
  unavailable: "JetStream is not ready",
};

/** True where the server may have acted on the request all the same. */
export const mayHaveActed = (error: unknown): boolean =>
  error instanceof NoAnswer && (error.reason === "timeout" || error.reason === "disconnected");
