/** One request, as a transport hands it over. */
export interface ApiRequest {
  readonly subject: string;
  /** The body as text; empty where the request has none. */
  readonly body: string;
  /**
   * Answers, at most once. Does nothing where nobody waits for an answer.
   *
   * @param headers - one value a name, each on one line
   */
  respond(body: string, headers?: Readonly<Record<string, string>>): void;
}

/** A subscription that was made. */
export interface ApiSubscription {
  /** Takes nothing new; what was handed over can still be answered. */
  drain(): Promise<void>;
}

/** All that the service needs of a messaging system: to listen, alone or sharing, and to answer. */
export interface ApiTransport {
  /** Largest reply that can be sent, in bytes. */
  readonly maxReplyBytes: number;
  /**
   * Hands over each request on a subject, in the order they come.
   *
   * @param subject - may end with the wildcard `>`
   * @param group - of all that listen with the same group each request goes to one; null: to everybody
   * @returns once it listens
   * @throws FloxideError `backend` where listening is refused
   */
  listen(
    subject: string,
    group: string | null,
    onRequest: (request: ApiRequest) => void,
  ): Promise<ApiSubscription>;
}
