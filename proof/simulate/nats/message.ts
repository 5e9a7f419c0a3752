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
  { subject, reply, headers, code, description, body }: Packet,
  respond: (reply: string, payload?: string | Uint8Array) => void,
): Msg {
  const hdrs =
    headers === null && code === 0
      ? undefined
      : {
          code,
          description,
          get: (name: string) => headers?.get(name) ?? "",
          last: (name: string) => headers?.get(name) ?? "",
          has: (name: string) => headers?.has(name) ?? false,
          values: (name: string) => (headers?.has(name) ? [headers.get(name) ?? ""] : []),
          keys: () => [...(headers?.keys() ?? [])],
        };
  const msg = {
    subject,
    reply,
    headers: hdrs as unknown as MsgHdrs | undefined,
    sid: 0,
    get data() {
      return body === "" ? EMPTY : encoder.encode(body);
    },
    string: () => body,
    json: () => JSON.parse(body),
    respond: (payload?: string | Uint8Array) => {
      if (reply === "") return false;
      respond(reply, payload);
      return true;
    },
    size: () => body.length,
  };
  return msg as unknown as Msg;
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
