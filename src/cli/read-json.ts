import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { FloxideError } from "../core/errors.ts";
import { checkDepth, type Json } from "../core/json.ts";
import type { Io } from "./io.ts";

/**
 * Reads JSON from an argument: the text itself, `-` for the standard input, `@path` for a file.
 *
 * @param what - names the value in errors, such as `the input`
 * @throws FloxideError `validation`
 */
export async function readJson(io: Io, argument: string, what: string): Promise<Json> {
  const { text, from } = await source(io, argument, what);
  const value = parsed(text, what, from);
  checkDepth(value, what);
  return value;
}

function parsed(text: string, what: string, from: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw notJson(what, from, text, cause);
  }
}

async function source(
  io: Io,
  argument: string,
  what: string,
): Promise<{ readonly text: string; readonly from: string }> {
  if (argument === "-") return { text: await io.readStdin(), from: " on the standard input" };
  if (!argument.startsWith("@")) return { text: argument, from: "" };
  const path = argument.slice(1);
  try {
    return { text: await readFile(resolve(io.cwd, path), "utf8"), from: ` in ${path}` };
  } catch (cause) {
    throw unreadable(what, path, cause);
  }
}

function notJson(what: string, from: string, text: string, cause: unknown): FloxideError {
  const isWord = /^[\w ,.-]+$/.test(text.trim());
  const hint = isWord ? ` (text goes in double quotes: '${JSON.stringify(text.trim())}')` : "";
  const message = `${what}${from} is not JSON: ${(cause as Error).message}${hint}`;
  return new FloxideError("validation", message, { cause });
}

function unreadable(what: string, path: string, cause: unknown): FloxideError {
  const message = `${what} cannot be read from ${path}: ${reasonOf(cause)}`;
  return new FloxideError("validation", message, { details: { path }, cause });
}

/** Why a file cannot be read, in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES") return "permission denied";
  return message;
}
