import type { DeadLetterStore } from "../core/ports/stores.ts";
import {
  type DeadLetter,
  DeadLetterSchema,
  type NewDeadLetter,
} from "../core/records/dead-letter.ts";
import { fromToken, toToken } from "../core/token.ts";
import type { Link } from "./link.ts";
import type { Names } from "./names.ts";
import type { Persistence } from "./persist.ts";
import { readPubAck } from "./pub-ack.ts";
import { headerValue, RawHeaders } from "./raw-headers.ts";
import type { Requester } from "./requester.ts";
import type { StoredMessage } from "./stored-message.ts";
import { StreamReader } from "./stream-reader.ts";

/** How much of a body is kept at most, in bytes. */
const BODY_LIMIT = 64 * 1_024;
const REASON_LIMIT = 1_000;
const SUBJECT_LIMIT = 1_000;

const LetterSchema = DeadLetterSchema.omit({ id: true, at: true });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Messages that could not be taken, in a stream: the body as it came, why in the headers `Floxide-Code` and
 * `Floxide-Reason`, where it came on in `Floxide-Subject`, its workflow and run in `Floxide-Workflow` and `Floxide-Run`,
 * both encoded as in subjects.
 */
export class JetStreamDeadLetterStore implements DeadLetterStore {
  readonly #link: Link;
  readonly #requester: Requester;
  readonly #persistence: Persistence;
  readonly #names: Names;
  readonly #reader: StreamReader;

  constructor(link: Link, requester: Requester, persistence: Persistence, names: Names) {
    this.#link = link;
    this.#requester = requester;
    this.#persistence = persistence;
    this.#names = names;
    this.#reader = new StreamReader(requester, names.deadStream);
  }

  async add(letter: NewDeadLetter): Promise<void> {
    const { code, reason, subject: from, workflow, runId, body } = LetterSchema.parse(letter);
    const lines = [
      `Floxide-Code: ${headerValue(code, 64)}`,
      `Floxide-Reason: ${headerValue(reason, REASON_LIMIT)}`,
      `Floxide-Subject: ${headerValue(from, SUBJECT_LIMIT)}`,
      `Floxide-Workflow: ${toToken(workflow)}`,
      ...(runId === null ? [] : [`Floxide-Run: ${toToken(runId)}`]),
    ];
    const text = lines.map((line) => `${line}\r\n`).join("");
    // A message as large as the server takes must not become a letter that is larger.
    const room = this.#link.maxValueBytes - encoder.encode(text).length;
    const headers = new RawHeaders(text);
    const subject = this.#names.dead(workflow);
    await this.#persistence.run("writing a dead letter", () =>
      this.#requester.request(
        subject,
        cutBody(body, Math.min(BODY_LIMIT, room)),
        headers,
        readPubAck,
      ),
    );
  }

  list(limit: number, before: number | null): Promise<readonly DeadLetter[]> {
    return this.#persistence.run("reading the dead letters", () => this.#list(limit, before));
  }

  async #list(limit: number, before: number | null): Promise<readonly DeadLetter[]> {
    const { first, last } = await this.#reader.bounds();
    const letters: DeadLetter[] = [];
    // The oldest go first, so positions have no gaps to speak of: a window of so many holds so many.
    for (let high = Math.min(last, (before ?? last + 1) - 1); high >= first; ) {
      const wanted = limit - letters.length;
      if (wanted <= 0) break;
      const low = Math.max(first, high - wanted + 1);
      const found: StoredMessage[] = [];
      for await (const messages of this.#reader.batches(this.#names.deadAll, low, high))
        found.push(...messages.filter(({ seq }) => seq <= high));
      letters.push(...found.reverse().map(toDeadLetter));
      high = low - 1;
    }
    return letters;
  }
}

function toDeadLetter({ seq, storedAt, headers, body }: StoredMessage): DeadLetter {
  const header = (name: string) => headers?.get(name) ?? "";
  const run = header("Floxide-Run");
  return {
    id: seq,
    at: new Date(storedAt).toISOString(),
    code: header("Floxide-Code"),
    reason: header("Floxide-Reason"),
    subject: header("Floxide-Subject"),
    workflow: idOf(header("Floxide-Workflow")),
    runId: run === "" ? null : idOf(run),
    body,
  };
}

/** The id, or the text itself where it is no token: anybody may have written the letter. */
function idOf(token: string): string {
  try {
    return fromToken(token);
  } catch {
    return token;
  }
}

/** The first bytes of the body, not cutting a character in two. */
function cutBody(body: string, limit: number): Uint8Array {
  const bytes = encoder.encode(body);
  if (bytes.length <= limit) return bytes;
  const kept = decoder.decode(bytes.subarray(0, Math.max(0, limit)), { stream: true });
  decoder.decode();
  return encoder.encode(kept);
}
