import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const source = `
import { workflow } from "${root}src/workflows/index.ts";
import {
  audit, count, double, OrderContext, show, size, thank, validate,
} from "${root}test/workflows/nodes.ts";

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
  // Outside the project, where no other run of the compiler finds it. `.mts` because there is no package.json.
  const folder = await mkdtemp(join(tmpdir(), "floxide-types-"));
  try {
    await writeFile(join(folder, "misfit.mts"), source);
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        typeRoots: [join(root, "node_modules/@types")],
        rewriteRelativeImportExtensions: false,
        allowImportingTsExtensions: true,
      },
      include: ["misfit.mts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const said = await promisify(execFile)(join(root, "node_modules/.bin/tsc"), [
      "-p",
      folder,
    ]).then(
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
