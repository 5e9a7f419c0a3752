import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { loadWorkflows } from "../../../src/cli/load-workflows.ts";
import { demand, door, judgedLater } from "../door.ts";
import { texts } from "../hostile.ts";

// Modules that the command line is given: they are code, so they may do anything while they load. What never ends there is
// the user's own; all else is an answer.

/** Expressions that a module may export. */
const VALUES = [
  '{ name: "a", version: 1, start: "a", fingerprint: "f", nodes: {}, edges: {} }',
  '{ name: "a", version: 1, start: "a", fingerprint: "f", nodes: null, edges: {} }',
  '{ name: 5, version: "1", nodes: {}, edges: {} }',
  "{ get name() { throw new RangeError('oh') } }",
  "{ get nodes() { throw null }, name: 'a', version: 1, start: 'a', fingerprint: 'f' }",
  "new Proxy({}, { get() { throw new Error('oh') }, has() { throw new Error('oh') } })",
  "new Proxy({}, { ownKeys() { throw new Error('oh') } })",
  "(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy; })()",
  "(() => { const a = []; a.push(a); return a; })()",
  "(() => { const o = {}; o.self = o; return o; })()",
  "Array(100000).fill(null)",
  "Promise.resolve(1)",
  "Promise.reject(new Error('oh')).catch(() => {}) ",
  "Symbol('s')",
  "10n",
  "null",
  "undefined",
  "() => 1",
  "class A {}",
  "Object.create(null)",
  "'text'",
  "NaN",
] as const;

/** Statements that end the loading. */
const ENDS = [
  "throw new Error('no');",
  "throw null;",
  "throw undefined;",
  "throw Symbol('s');",
  "throw Object.create(null);",
  "throw { get message() { throw 1 } };",
  "throw Object.assign(new Error('x'), { message: 5, name: null });",
  "throw new Proxy(new Error('x'), { get() { throw 1 } });",
  "null.a;",
  "await Promise.reject(new Error('later'));",
  "import './nowhere.js';",
  "import nothing from 'a-package-that-is-not-there';",
  "export {",
  "let a; let a;",
  "\u0000",
] as const;

const name = fc.constantFrom("a", "b", "default");

const modules = fc
  .tuple(
    fc.uniqueArray(fc.tuple(name, fc.constantFrom(...VALUES)), {
      maxLength: 3,
      selector: ([key]) => key,
    }),
    fc.option(fc.constantFrom(...ENDS), { nil: "", freq: 3 }),
    fc.constantFrom(".mjs", ".mjs", ".cjs"),
  )
  .map(([exported, end, ending]) => ({
    ending,
    text: `${exported.map(([key, value]) => exportOf(key, value, ending)).join("\n")}\n${end}`,
  }));

function exportOf(key: string, value: string, ending: string): string {
  if (ending === ".cjs")
    return key === "default" ? `module.exports = ${value};` : `module.exports.${key} = ${value};`;
  return key === "default" ? `export default ${value};` : `export const ${key} = ${value};`;
}

type Case = { readonly text: string; readonly ending: string } | { readonly path: string };

/** Modules that export workflows, or something else, or nothing, or throw; and paths that are none. */
export const modulesDoor = door<Case>({
  name: "modules",
  summary: "modules of workflows that the command line loads, and paths to them",
  few: 40,
  // Node keeps every module that it has ever imported: twenty thousand take 600 MiB.
  batchesPerProcess: 40,
  cases: fc.oneof(
    { weight: 9, arbitrary: modules },
    { weight: 1, arbitrary: fc.record({ path: texts }) },
  ),
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), "floxide-fuzz-"));
    let count = 0;
    return {
      attempt: (one) =>
        judgedLater(async () => {
          const path = "path" in one ? one.path : `m${++count}${one.ending}`;
          if ("text" in one) await writeFile(join(folder, path), one.text);
          try {
            const found = await loadWorkflows([path], folder);
            demand(
              found.every((workflow) => typeof workflow.name === "string"),
              "what was loaded is no workflow",
            );
          } finally {
            if ("text" in one) await rm(join(folder, path), { force: true });
          }
        }),
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
