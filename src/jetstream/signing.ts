import { createPublicKey } from "node:crypto";
import type { MsgHdrs } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";
import type { JsonPart } from "../core/json-texts.ts";
import type { QueueKind } from "../core/ports/work-queue.ts";
import { headerValue } from "./raw-headers.ts";
import {
  type SignedParts,
  type SigningKey,
  signatureOf,
  type TrustedKeys,
  whyUnproven,
} from "./signature.ts";
import { readSigningKey, readTrustedKeys } from "./signing-keys.ts";

// Signed work: who signs what goes into the queue, and what a worker makes of what comes out.
//
// W1. With trusted keys nothing is handed on as trusted that one of them has not signed as it is. Without them nothing is
//     checked.
// W2. Nothing is signed that came from the queue unverified: see `reseal`.
// W3. A message id holds a part of the signature. Whoever cannot sign cannot take the place of a message that is to come
//     by publishing something else under its id.
// W4. A start request names its run in its body. Else a copy of the message would be another run.
// W5. A start request says when it was signed. The stream's own time must be near: so a copy is refused when the run that
//     it began may be forgotten. Work items need no time: what they may do is decided by the checkpoint.

/** Header of a start request whose publisher writes the run's info itself. */
export const INFO_WRITTEN = "Floxide-Run-Info";
const SIGNATURE = "Floxide-Signature";
const SIGNED_AT = "Floxide-Signed-At";

/** How far the time of a start request may be from the time at which the stream took it, in milliseconds. */
const START_WINDOW_MS = 3_600_000;
/** Signing times are rounded down to this, so that a repetition has the same signature and is known as one. */
const SIGNED_AT_STEP_MS = 60_000;
/** Characters of the signature that go into a message id: 132 bits. */
const MARK_LENGTH = 22;

/** What signing adds to a message: header lines, and the end of its message id. Both are empty where nothing is signed. */
export interface Seal {
  readonly lines: string;
  readonly mark: string;
}

const UNSIGNED: Seal = { lines: "", mark: "" };

/** A message as it came, to be checked. */
export interface Received {
  readonly kind: QueueKind;
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  readonly body: string;
  /** When the stream took it, in milliseconds since the epoch. */
  readonly storedAt: number;
}

/** Signs and checks messages of the work stream. */
export class Signing {
  readonly #key: SigningKey | null;
  readonly #trusted: TrustedKeys | null;
  /** Keys whose messages may be signed anew. */
  readonly #known: TrustedKeys;

  constructor(key: SigningKey | null, trusted: TrustedKeys | null) {
    this.#key = key;
    this.#trusted = trusted;
    this.#known = trusted ?? new Map(key === null ? [] : [[key.id, createPublicKey(key.key)]]);
  }

  /** True where messages must be signed to be executed. */
  get checks(): boolean {
    return this.#trusted !== null;
  }

  /** @param now - milliseconds since the epoch */
  sealStart(subject: string, body: JsonPart, infoWritten: boolean, now: number): Seal {
    const signedAt = new Date(now - (now % SIGNED_AT_STEP_MS)).toISOString();
    const seal = this.#seal({ subject, body, signedAt, runInfo: infoWritten ? "1" : "" });
    return seal === UNSIGNED
      ? seal
      : { ...seal, lines: `${SIGNED_AT}: ${signedAt}\r\n${seal.lines}` };
  }

  /** @param subject - that it will be delivered on, also where it is scheduled first */
  sealItem(subject: string, body: string): Seal {
    return this.#seal({ subject, body, signedAt: "", runInfo: "" });
  }

  /** Why the message must not be executed, in words; null where it may be. */
  distrust(message: Received): string | null {
    return this.#trusted === null ? null : whyUntrusted(this.#trusted, message);
  }

  /**
   * Header lines and body for a start request that is put into the queue again. One that is verified is signed anew. Any
   * other stays what it was: a signature that cannot be checked here goes along with the very body that it was made for.
   *
   * @param body - the new body of one that is verified, or not signed
   */
  reseal(
    message: Received,
    body: string,
    now: number,
  ): { readonly lines: string; readonly body: string } {
    const signature = message.headers?.get(SIGNATURE) ?? "";
    if (signature === "") return { lines: "", body };
    if (this.#key !== null && whyUntrusted(this.#known, message) === null) {
      const infoWritten = message.headers?.get(INFO_WRITTEN) === "1";
      return { lines: this.sealStart(message.subject, body, infoWritten, now).lines, body };
    }
    const kept = [SIGNED_AT, SIGNATURE].map(
      (name) => `${name}: ${headerValue(message.headers?.get(name) ?? "", 1_000)}\r\n`,
    );
    return { lines: kept.join(""), body: message.body };
  }

  #seal(parts: SignedParts): Seal {
    if (this.#key === null) return UNSIGNED;
    const signature = signatureOf(this.#key, parts);
    const at = signature.indexOf(".") + 1;
    return {
      lines: `${SIGNATURE}: ${signature}\r\n`,
      mark: `.${signature.slice(at, at + MARK_LENGTH)}`,
    };
  }
}

function whyUntrusted(trusted: TrustedKeys, message: Received): string | null {
  const { kind, subject, headers, body, storedAt } = message;
  const signatures = headers?.values(SIGNATURE) ?? [];
  if (signatures.length > 1) return "it has more than one signature";
  const signedAt = headers?.get(SIGNED_AT) ?? "";
  const runInfo = headers?.get(INFO_WRITTEN) ?? "";
  const why = whyUnproven(trusted, signatures[0] ?? null, { subject, signedAt, runInfo, body });
  return why !== null || kind === "work" ? why : whyReplayable(signedAt, storedAt, body);
}

/** Why a start request that is signed might be a copy that begins something anew. */
function whyReplayable(signedAt: string, storedAt: number, body: string): string | null {
  const apart = Math.abs(storedAt - Date.parse(signedAt));
  // Also where one of them is no time, and nothing can be compared.
  if (!(apart <= START_WINDOW_MS)) {
    const when =
      signedAt === "" ? "it does not say when it was signed" : `it was signed at ${signedAt}`;
    return `${when}: that must be within an hour of when the stream took it`;
  }
  return namesRun(body) ? null : "it does not name its run in its body";
}

/** What is no start request at all is for others to refuse: they can say why. */
function namesRun(body: string): boolean {
  try {
    const read = JSON.parse(body) as { readonly runId?: unknown } | null;
    return typeof read?.runId === "string";
  } catch {
    return true;
  }
}

/**
 * Reads the keys of the options.
 *
 * @throws FloxideError `validation` for keys that cannot be read or do not fit each other
 */
export function signingOf(options: {
  readonly signingKey?: string | undefined;
  readonly trustedKeys?: string | readonly string[] | undefined;
}): Signing {
  const key = options.signingKey === undefined ? null : readSigningKey(options.signingKey);
  if (options.trustedKeys === undefined) return new Signing(key, null);
  const trusted = readTrustedKeys(options.trustedKeys);
  // Whoever executes work also queues work. What it queued would be refused, by itself too.
  if (key === null) {
    throw new FloxideError("validation", "trustedKeys: need a signingKey too, one of theirs");
  }
  if (!trusted.has(key.id)) {
    throw new FloxideError(
      "validation",
      `trustedKeys: the public half of the signingKey (${key.id}) is not among them (${[...trusted.keys()].join(", ")})`,
    );
  }
  return new Signing(key, trusted);
}
