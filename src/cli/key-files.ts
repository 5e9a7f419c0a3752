import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { FloxideError } from "../core/errors.ts";
import type { JetStreamOptions } from "../jetstream/options.ts";
import { reasonOf } from "./read-json.ts";

/** Paths of the files with the keys of signed work. */
export interface KeyFiles {
  readonly signingKey?: string | undefined;
  readonly trustedKeys?: string | undefined;
}

/** What is in the files. @throws FloxideError `validation` where one cannot be read */
export function readKeyFiles(
  { signingKey, trustedKeys }: KeyFiles,
  cwd: string,
): Pick<JetStreamOptions, "signingKey" | "trustedKeys"> {
  return {
    ...(signingKey === undefined ? {} : { signingKey: read(signingKey, "signing key", cwd) }),
    ...(trustedKeys === undefined ? {} : { trustedKeys: read(trustedKeys, "trusted keys", cwd) }),
  };
}

function read(path: string, what: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8");
  } catch (cause) {
    throw unreadable(path, what, cause);
  }
}

function unreadable(path: string, what: string, cause: unknown): FloxideError {
  const message = `the ${what} cannot be read from ${path}: ${reasonOf(cause)}`;
  return new FloxideError("validation", message, { details: { path }, cause });
}
