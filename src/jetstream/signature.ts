import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { bytesOf, type JsonPart } from "../core/json-texts.ts";

// What a signature is over, and how one is made and checked. Nothing here reads files, headers or clocks.
//
// S1. Everything that decides what is executed is signed: the subject (namespace, kind, workflow; for work items run and
//     item), the body, and the two headers that a worker goes by. The subject is the one that the message is delivered
//     on: for a schedule its target.
// S2. The signed text has five lines. Only the last, the body, may hold line breaks, so no two messages share a text.
// S3. There is one algorithm, Ed25519. A signature does not name it: there is nothing to be talked into.
// S4. The key's id only says which key to look up. It is a hash of the key, and proves nothing.

/** First line of what is signed: a signature made for anything else is never one of ours. */
const PURPOSE = "floxide-signature-1";

/** What of a message is signed. */
export interface SignedParts {
  /** Subject that it is delivered on. */
  readonly subject: string;
  /** ISO time of a start request; empty for a work item. */
  readonly signedAt: string;
  /** `1` or empty, as the header `Floxide-Run-Info`. */
  readonly runInfo: string;
  readonly body: JsonPart;
}

/** A private key, with the id of its public half. */
export interface SigningKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Public keys by their ids. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

const SIGNATURE = /^([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{86})$/;
const SIGNED_AT = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?$/;
const RUN_INFO = /^1?$/;
const SUBJECT = /^[^\s]+$/;

/** The bytes that are signed. */
function signedBytes({ subject, signedAt, runInfo, body }: SignedParts): Buffer {
  const head = [PURPOSE, subject, signedAt, runInfo, ""].join("\n");
  return Buffer.concat([bytesOf(head), bytesOf(body)]);
}

/** Short name of a public key: the first 16 characters of a hash of its 32 bytes. */
export function keyId(publicKey: KeyObject): string {
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return createHash("sha256").update(raw).digest("base64url").slice(0, 16);
}

/** The value of the header `Floxide-Signature`: key id, dot, signature. Equal parts give an equal signature. */
export function signatureOf({ id, key }: SigningKey, parts: SignedParts): string {
  return `${id}.${sign(null, signedBytes(parts), key).toString("base64url")}`;
}

/**
 * Checks a signature.
 *
 * @param signature - as {@link signatureOf} gives it; null where there is none
 * @returns why it proves nothing, or null where one of the keys has signed exactly these parts
 */
export function whyUnproven(
  trusted: TrustedKeys,
  signature: string | null,
  parts: SignedParts,
): string | null {
  if (signature === null) return "it is not signed";
  const [, id = "", bytes = ""] = SIGNATURE.exec(signature) ?? [];
  if (id === "") return "its signature is malformed";
  const key = trusted.get(id);
  if (key === undefined) return `it is signed with the key ${id}, which is not trusted here`;
  const isReadable =
    SUBJECT.test(parts.subject) && SIGNED_AT.test(parts.signedAt) && RUN_INFO.test(parts.runInfo);
  if (!isReadable || !verify(null, signedBytes(parts), key, Buffer.from(bytes, "base64url")))
    return `its signature does not fit: it was signed for another subject, or changed since (key ${id})`;
  return null;
}
