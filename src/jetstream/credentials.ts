import { readFileSync } from "node:fs";
import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from "@nats-io/nats-core";
import { FloxideError } from "../core/errors.ts";

// Secrets in files. They are read before the first connect, so that what is wrong with them is said at once and by name,
// and again at each login: a file that was replaced counts, one that cannot be read any more leaves the last one in force.

interface Files {
  readonly nkeyFile?: string | undefined;
  readonly credsFile?: string | undefined;
}

/** What the files of the options make of a login; nothing where there are none. @throws FloxideError `validation` */
export function authenticatorOf({ nkeyFile, credsFile }: Files): Authenticator | null {
  if (nkeyFile !== undefined) {
    const read = checked(nkeyFile, "the seed of the nkey", trimmed, nkeyAuthenticator);
    return nkeyAuthenticator(read);
  }
  if (credsFile === undefined) return null;
  return credsAuthenticator(
    checked(credsFile, "the credentials", (bytes) => bytes, credsAuthenticator),
  );
}

/**
 * Reads a file and has a login made of it, to see that it can be.
 *
 * @returns how to read it again
 */
function checked(
  path: string,
  what: string,
  clean: (bytes: Uint8Array) => Uint8Array,
  login: (secret: Uint8Array) => Authenticator,
): () => Uint8Array {
  let secret = clean(read(path, what));
  try {
    login(secret)("nonce");
  } catch (error) {
    // What the client says may quote the secret, so only its kind is kept.
    const kind = new Error((error as Error).name);
    throw unusable(path, what, "it does not hold what it should", kind);
  }
  return () => {
    try {
      const now = clean(read(path, what));
      login(now)("nonce");
      secret = now;
    } catch {
      // In the middle of being replaced, perhaps.
    }
    return secret;
  };
}

/** Reads a file that an option names. @throws FloxideError `validation` */
export function read(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unusable(path, what, reasonOf(cause), cause);
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "this process may not read it";
  return code ?? String(error);
}

/** What is said of a file that an option names. */
export function unusable(
  path: string,
  what: string,
  reason: string,
  cause?: unknown,
): FloxideError {
  return new FloxideError("validation", `${what} cannot be read from ${path}: ${reason}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

const trimmed = (bytes: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString("utf8").trim());
