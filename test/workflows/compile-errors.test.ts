import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));

const source = `
import { workflow } from "../../../src/workflows/index.ts";
import { count, double, OrderContext, show, size, audit, thank, validate } from "../nodes.ts";

workflow({
  name: "x", version: 1, context: OrderContext, nodes: { validate, thank }, start: "validate",
  edges: { validate: ["thank"], thank: [] },
});
workflow({
  name: "x", version: 1, nodes: { count, double }, start: "count",
  edges: { count: { join: "double" }, double: [] },
});
workflow({
  name: "x", version: 1, nodes: { double, show, thank }, start: "double",
  edges: { double: { next: ["show"], onError: ["thank"] }, show: [], thank: [] },
});
workflow({
  name: "x", version: 1, nodes: { size, audit, thank }, start: "size",
  edges: { size: { on: { large: ["thank"], small: ["thank"] } }, audit: [], thank: [] },
});
`;

test("the compiler's message names both nodes of an edge that does not fit", async () => {
  // Inside the project, so that its packages and its package.json are found.
  const folder = await mkdtemp(join(here, "tmp-"));
  try {
    await writeFile(join(folder, "misfit.ts"), source);
    const config = {
      extends: "../../../tsconfig.json",
      compilerOptions: {
        noEmit: true,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
      },
      include: ["misfit.ts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const said = await promisify(execFile)(tsc, ["-p", folder]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
    expect(said).toContain("the output of 'validate' does not fit the input of 'thank'");
    expect(said).toContain("the collected output of 'count' does not fit the input of 'double'");
    expect(said).toContain("the input of 'double' does not fit the input of 'thank'");
    expect(said).toContain("the variant 'large' of 'size' does not fit the input of 'thank'");
    expect(said.match(/error TS/g)).toHaveLength(4);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 30_000);
