import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

/** Where modules of tests import floxide and zod from. */
const FLOXIDE = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;
const ZOD = import.meta.resolve("zod");

/** A folder with these files, until the test ends. `floxide` and `zod` in imports are found. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "floxide-cli-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ "package.json": '{"type":"module"}', ...files })) {
    const found = text.replaceAll('"floxide"', `"${FLOXIDE}"`).replaceAll('"zod"', `"${ZOD}"`);
    await writeFile(join(folder, name), found);
  }
  return folder;
}

/** Text of a module that exports workflows `double` and `fussy`. */
export const FLOWS = `
import { FatalError, next, node, workflow } from "floxide";
import { z } from "zod";

const twice = node({ input: z.number(), output: z.number(), run: (_c, n: number) => next(n * 2) });
export const double = workflow({
  name: "double", version: 1, nodes: { twice }, start: "twice", edges: { twice: [] },
});

const refuse = node({
  input: z.string(),
  output: z.string(),
  retry: { maxAttempts: 3, initialMs: 1, backoff: "constant", jitter: 0 },
  run: (_c, text: string) => {
    if (text === "fatal") throw new FatalError("it is no use");
    return next(text);
  },
});
export const fussy = workflow({
  name: "fussy", version: 1, nodes: { refuse }, start: "refuse", edges: { refuse: [] },
});
`;
