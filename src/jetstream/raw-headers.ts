import type { MsgHdrs } from "@nats-io/nats-core";

/**
 * Headers that are written as they are: setting them one by one costs as much as the rest of a publish.
 * To be sent, not to be read: of what headers can do they can be encoded, which is all that the client asks of those that
 * it sends.
 */
export class RawHeaders {
  readonly #text: string;

  /** @param lines - each `Name: value\r\n`; values must be free of line breaks, see {@link headerValue} */
  constructor(lines: string) {
    this.#text = `NATS/1.0\r\n${lines}\r\n`;
  }

  /** As the client wants them. */
  get toSend(): MsgHdrs {
    return this as unknown as MsgHdrs;
  }

  encode(): Uint8Array {
    return Buffer.from(this.#text);
  }

  toString(): string {
    return this.#text;
  }
}

/** The text on one line, at most so many characters: what a header can carry. */
export function headerValue(text: string, maxLength: number): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, maxLength)
    .trim();
}
