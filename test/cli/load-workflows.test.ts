import { describe, expect, test } from "vitest";
import { loadWorkflows } from "../../src/cli/load-workflows.ts";
import { folderWith } from "./modules.ts";

/** What looks like a workflow: only looks count, as another copy of floxide may have made it. */
const looks = (name: string): string =>
  `{ name: "${name}", version: 1, start: "a", fingerprint: "f", nodes: {}, edges: {} }`;

async function names(text: string, file = "flows.js"): Promise<string[]> {
  const folder = await folderWith({ [file]: text });
  return (await loadWorkflows([file], folder)).map(({ name }) => name);
}

async function refusal(text: string, file = "flows.js"): Promise<string> {
  return await names(text, file).then(
    () => "none",
    (error: Error) => error.message,
  );
}

describe("takes workflows", () => {
  test("that are exported by name and by default, each once", async () => {
    const text = `export const a = ${looks("a")}; export { a as again }; export default ${looks("b")};`;
    expect((await names(text)).sort()).toEqual(["a", "b"]);
  });

  test("in arrays and in a default object", async () => {
    const text = `export const all = [${looks("a")}, 7]; export default { b: ${looks("b")} };`;
    expect((await names(text)).sort()).toEqual(["a", "b"]);
  });

  test("of CommonJS modules", async () => {
    expect(await names(`module.exports.a = ${looks("a")};`, "flows.cjs")).toEqual(["a"]);
  });

  test("of several modules", async () => {
    const folder = await folderWith({
      "a.js": `export default ${looks("a")};`,
      "b.mjs": `export default ${looks("b")};`,
    });
    const found = await loadWorkflows(["a.js", "b.mjs"], folder);
    expect(found.map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

describe("says in one line", () => {
  test("that there is no such file", async () => {
    await expect(loadWorkflows(["gone.ts"], await folderWith({}))).rejects.toMatchObject({
      code: "definition",
      message: "gone.ts cannot be used: there is no such file",
    });
  });

  test("that a folder is no module", async () => {
    await expect(loadWorkflows(["."], await folderWith({}))).rejects.toThrow("it is a folder");
  });

  test("what a module without workflows exports", async () => {
    expect(await refusal("export const a = 1, b = [], c = () => 1;")).toBe(
      "flows.js cannot be used: it exports no workflow, but a (a number), " +
        "b (an array without workflows), c (a function); export what workflow() returns",
    );
    expect(await refusal("")).toContain("it exports no workflow, but nothing");
  });

  test("what a module throws while it loads", async () => {
    expect(await refusal('throw new TypeError("no\\nway");')).toBe(
      "flows.js cannot be used: TypeError: no way",
    );
  });
});
