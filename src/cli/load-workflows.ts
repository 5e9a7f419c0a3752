import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { toFailure } from "../core/failure.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { isWorkflow } from "../workflows/index.ts";
import { oneLine } from "./text/printable.ts";

const TYPESCRIPT = /\.[cm]?tsx?$/;

/**
 * Loads the workflows that modules export: by default or by name, alone or in arrays. The same workflow under two
 * names counts once.
 *
 * @param paths - files, from `cwd` on
 * @throws FloxideError `definition` naming the file and what is wrong in it
 */
export async function loadWorkflows(paths: readonly string[], cwd: string): Promise<AnyWorkflow[]> {
  const found = new Set<AnyWorkflow>();
  for (const path of paths) {
    for (const workflow of workflowsOf(path, await load(path, cwd))) found.add(workflow);
  }
  return [...found];
}

/** What is exported may be anything: getters that throw, proxies that do not let themselves be asked. */
function workflowsOf(
  path: string,
  exported: Readonly<Record<string, unknown>>,
): readonly AnyWorkflow[] {
  try {
    const workflows = workflowsIn(exported);
    if (workflows.length === 0) throw noWorkflows(path, exported);
    return workflows;
  } catch (error) {
    throw isFloxideError(error) ? error : broken(path, whyNot(error), error);
  }
}

/** What a module exports, by name. */
async function load(path: string, cwd: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(cwd, path);
  if (!existsSync(file)) throw broken(path, "there is no such file");
  if (statSync(file).isDirectory()) throw broken(path, "it is a folder; give the file in it");
  const { href } = pathToFileURL(file);
  try {
    return flat(await (TYPESCRIPT.test(file) ? importTypeScript(file, href) : import(href)));
  } catch (cause) {
    throw broken(path, whyNot(cause), cause);
  }
}

/**
 * Imports TypeScript. An ES module shares everything that it imports with this process: a `FatalError` of another copy of
 * floxide would be no `FatalError` of this one. One that is compiled to CommonJS cannot, as Node 20 does not always let
 * it require ES modules that are loaded already: it gets copies of its own.
 */
async function importTypeScript(file: string, href: string): Promise<Record<string, unknown>> {
  const esm = await import("tsx/esm/api");
  if (isCommonJs(file)) return await esm.tsImport(href, import.meta.url);
  if (!understands) esm.register();
  understands = true;
  return await import(href);
}

/** By its ending, or by the type of the package that it is in. */
function isCommonJs(file: string): boolean {
  if (/\.[cm]tsx?$/.test(file)) return /\.ctsx?$/.test(file);
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) return !isModulePackage(path);
    if (folder === dirname(folder)) return true;
  }
}

function isModulePackage(path: string): boolean {
  return (JSON.parse(readFileSync(path, "utf8")) as { type?: unknown } | null)?.type === "module";
}

let understands = false;

/** What a CommonJS module exports stands behind `default` as a whole; so do workflows in an object. */
function flat(module: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const whole = module["default"];
  if (!isObject(whole) || Array.isArray(whole) || isWorkflow(whole)) return module;
  return { ...module, ...whole };
}

/** The workflows among values: another copy of floxide may have made them, so that only their looks count. */
function workflowsIn(exported: Readonly<Record<string, unknown>>): AnyWorkflow[] {
  return Object.values(exported)
    .flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter(isWorkflow);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

function noWorkflows(path: string, exported: Readonly<Record<string, unknown>>): FloxideError {
  const said = Object.entries(exported).map(([name, value]) => `${name} (${kindOf(value)})`);
  const what = said.length === 0 ? "nothing" : said.join(", ");
  return broken(path, `it exports no workflow, but ${what}; export what workflow() returns`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array without workflows";
  if (typeof value === "function") return "a function";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function broken(path: string, reason: string, cause?: unknown): FloxideError {
  return new FloxideError("definition", `${path} cannot be used: ${reason}`, {
    details: { module: path, ...(isFloxideError(cause) ? cause.details : {}) },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The compiler's report is many lines, of which the one with a place and a reason matters. */
function whyNot(error: unknown): string {
  const { name, message } = toFailure(error, { node: null, item: null, attempt: null, now: 0 });
  if (!(error instanceof Error)) return `it throws ${oneLine(message)}`;
  const [, line, column, reason] = /:(\d+):(\d+): ERROR: (.*)/.exec(message) ?? [];
  if (reason !== undefined) return `line ${line}, column ${Number(column) + 1}: ${oneLine(reason)}`;
  return `${isFloxideError(error) || name === "Error" ? "" : `${name}: `}${oneLine(message)}`;
}
