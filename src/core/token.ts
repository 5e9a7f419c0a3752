import { FloxideError } from "./errors.ts";

/** Longest run id, worker id and similar, in UTF-8 bytes. Subjects share a 4 KiB line with headers of the protocol. */
export const MAX_ID_BYTES = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A user's id as one subject token and KV key: letters, digits, `_` and `-` stay, every other byte becomes `=XX`.
 * Reversible, and different ids have different tokens. NATS allows `=` in both places.
 */
export function toToken(id: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id;
  let token = "";
  for (const byte of encoder.encode(id)) {
    const char = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(char)
      ? char
      : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}

/** The id that {@link toToken} was given. @throws FloxideError `validation` for what it never gives */
export function fromToken(token: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(token)) return token;
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i++) {
    const char = token.charAt(i);
    if (char !== "=") {
      bytes.push(char.charCodeAt(0));
      continue;
    }
    const hex = token.slice(i + 1, i + 3);
    if (!/^[0-9A-F]{2}$/.test(hex)) throw notToken(token);
    bytes.push(Number.parseInt(hex, 16));
    i += 2;
  }
  const id = decoded(token, bytes);
  // Another way to write the same id would be a second key for it.
  if (toToken(id) !== token) throw notToken(token);
  return id;
}

function decoded(token: string, bytes: readonly number[]): string {
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch (cause) {
    throw notToken(token, cause);
  }
}

/** False for text with half a surrogate pair: UTF-8 would replace it, and two ids could become one. */
const isWellFormed = (text: string): boolean => decoder.decode(encoder.encode(text)) === text;

function notToken(token: string, cause?: unknown): FloxideError {
  return new FloxideError("validation", `"${token}" is not an encoded id`, { cause });
}

/** Checks a run id. Any text of 1 to 128 bytes will do. @throws FloxideError `validation` */
export function checkRunId(runId: unknown): string {
  if (typeof runId !== "string") {
    throw new FloxideError("validation", `the run id must be a string, it is ${typeof runId}`);
  }
  if (!isRunId(runId)) {
    const bytes = encoder.encode(runId).length;
    throw new FloxideError(
      "validation",
      `the run id must be 1 to ${MAX_ID_BYTES} bytes of well-formed text, it is ${bytes} bytes`,
      { details: { bytes } },
    );
  }
  return runId;
}

/** True for what {@link checkRunId} lets through. */
export function isRunId(value: unknown): value is string {
  if (typeof value !== "string") return false;
  // Nearly all of them: each record that is read has one.
  if (/^[ -~]{1,128}$/.test(value)) return true;
  const bytes = encoder.encode(value).length;
  return bytes > 0 && bytes <= MAX_ID_BYTES && isWellFormed(value);
}

/** What names of workflows, nodes and namespaces look like: they stand in subjects as they are. */
export const SAFE_NAME = /^[A-Za-z0-9_-]{1,64}$/;
