import type { ApiSubscription, ApiTransport } from "../../src/service/transport.ts";

/** What came back for one request. */
export interface FakeReply {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Listener {
  readonly subject: string;
  readonly onRequest: Parameters<ApiTransport["listen"]>[2];
}

/** A transport in this process: whoever listens gets what is asked, one of each group. */
export class FakeTransport implements ApiTransport {
  maxReplyBytes = 1_000_000;
  /** Subject that nobody may listen on. */
  forbidden: string | null = null;
  readonly #listeners: Listener[] = [];

  get subjects(): string[] {
    return this.#listeners.map(({ subject }) => subject);
  }

  async listen(
    subject: string,
    _group: string | null,
    onRequest: Listener["onRequest"],
  ): Promise<ApiSubscription> {
    if (subject === this.forbidden) throw new Error(`not allowed to listen on ${subject}`);
    const listener = { subject, onRequest };
    this.#listeners.push(listener);
    return {
      drain: async () => {
        this.#listeners.splice(this.#listeners.indexOf(listener), 1);
      },
    };
  }

  /** Sends a body as it is and waits for the answer. Rejects where nobody listens. */
  send(subject: string, body: string): Promise<FakeReply> {
    const listener = this.#listeners.find((one) => fits(one.subject, subject));
    if (listener === undefined) return Promise.reject(new Error(`nobody listens on ${subject}`));
    return new Promise((resolve) => {
      listener.onRequest({
        subject,
        body,
        respond: (text, headers = {}) => resolve({ body: JSON.parse(text), headers }),
      });
    });
  }

  /** Asks a verb of the namespace `floxide`. */
  async ask(verb: string, request: object = {}): Promise<unknown> {
    return (await this.send(`floxide.api.${verb}`, JSON.stringify(request))).body;
  }
}

function fits(pattern: string, subject: string): boolean {
  return pattern.endsWith(">") ? subject.startsWith(pattern.slice(0, -1)) : pattern === subject;
}
