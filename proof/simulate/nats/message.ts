import type { Msg, MsgHdrs } from "@nats-io/nats-core";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array();

/** Headers by name, as the simulated server keeps them. */
export type HeaderMap = ReadonlyMap<string, string>;

export const NO_HEADERS: HeaderMap = new Map();

/** Reads `NATS/1.0\r\nName: value\r\n…`. */
export function readHeaders(text: string): HeaderMap {
  const headers = new Map<string, string>();
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}

/** What {@link readHeaders} reads. */
export function writeHeaders(headers: HeaderMap): string {
  let text = "NATS/1.0\r\n";
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

export const textOf = (payload: string | Uint8Array | undefined): string =>
  payload === undefined ? "" : typeof payload === "string" ? payload : decoder.decode(payload);

/** Something on its way to a subscription. */
export interface Packet {
  readonly subject: string;
  readonly reply: string;
  readonly headers: HeaderMap | null;
  /** Status of a message that has no body. */
  readonly code: number;
  readonly description: string;
  readonly body: string;
}

export const packet = (subject: string, body: string, rest: Partial<Packet> = {}): Packet => ({
  subject,
  reply: "",
  headers: null,
  code: 0,
  description: "",
  body,
  ...rest,
});

/** A message as the client library gives it: what the adapter reads of one. */
export function toMsg(
  sent: Packet,
  respond: (reply: string, payload?: string | Uint8Array) => void,
): Msg {
  return new SimMsg(sent, respond) as unknown as Msg;
}

// Classes, because there are very many: an object with functions of its own costs several times as much.

class SimMsg {
  readonly subject: string;
  readonly reply: string;
  readonly headers: SimHeaders | undefined;
  readonly sid = 0;
  readonly #body: string;
  readonly #respond: (reply: string, payload?: string | Uint8Array) => void;

  constructor(sent: Packet, respond: (reply: string, payload?: string | Uint8Array) => void) {
    this.subject = sent.subject;
    this.reply = sent.reply;
    this.headers = sent.headers === null && sent.code === 0 ? undefined : new SimHeaders(sent);
    this.#body = sent.body;
    this.#respond = respond;
  }

  get data(): Uint8Array {
    return this.#body === "" ? EMPTY : encoder.encode(this.#body);
  }

  string(): string {
    return this.#body;
  }

  json(): unknown {
    return JSON.parse(this.#body);
  }

  respond(payload?: string | Uint8Array): boolean {
    if (this.reply === "") return false;
    this.#respond(this.reply, payload);
    return true;
  }

  size(): number {
    return this.#body.length;
  }
}

class SimHeaders implements Pick<MsgHdrs, "get" | "last" | "has" | "values" | "keys"> {
  readonly code: number;
  readonly description: string;
  readonly #headers: HeaderMap;

  constructor({ headers, code, description }: Packet) {
    this.code = code;
    this.description = description;
    this.#headers = headers ?? NO_HEADERS;
  }

  get(name: string): string {
    return this.#headers.get(name) ?? "";
  }

  last(name: string): string {
    return this.get(name);
  }

  has(name: string): boolean {
    return this.#headers.has(name);
  }

  values(name: string): string[] {
    const value = this.#headers.get(name);
    return value === undefined ? [] : [value];
  }

  keys(): string[] {
    return [...this.#headers.keys()];
  }
}

/** As {@link fits}, for a pattern that is asked about often. */
export function matcher(pattern: string): (subject: string) => boolean {
  if (!pattern.includes("*") && !pattern.endsWith(">")) return (subject) => subject === pattern;
  const wild = pattern.search(/[*>]/);
  const start = pattern.slice(0, wild);
  // Most subjects differ before the first wild card.
  if (pattern === `${start}>`) {
    return (subject) => subject.length > start.length && subject.startsWith(start);
  }
  return (subject) => subject.startsWith(start) && fits(pattern, subject);
}

/** True where the subject fits the pattern. */
export function fits(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  if (!pattern.includes("*") && !pattern.endsWith(">")) return false;
  const wanted = pattern.split(".");
  const given = subject.split(".");
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return given.length > i;
    if (given[i] === undefined || (token !== "*" && token !== given[i])) return false;
  }
  return wanted.length === given.length;
}
