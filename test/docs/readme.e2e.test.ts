import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startTestServer } from "../support/nats-server.ts";
import { pageAt, ROOT } from "./pages.ts";
import { folderOf, snippetsOf, withSnippets } from "./snippets.ts";

const readme = pageAt("README.md");
const snippets = snippetsOf(readme);

/** What a module says that it writes: the comments beside its `console.log`. */
function promised(file: string, among = snippets): string[] {
  const code = among.find((snippet) => snippet.file === file)?.fence.code ?? "";
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said = ""]) => said);
}

function start(path: string): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = spawn(process.execPath, ["--import", "tsx", path], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  const lines: string[] = [];
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    lines.splice(0, lines.length, ...text.split("\n").slice(0, -1));
  });
  return { child, lines };
}

/** Runs a module to its end and gives what it wrote. */
async function run(path: string): Promise<string[]> {
  const { child, lines } = start(path);
  const [code] = await once(child, "close");
  expect(code, path).toBe(0);
  return lines;
}

test("the programs of the readme do what it says", async () => {
  await using server = await startTestServer();
  const address = server.url.replace("nats://", "");
  await withSnippets(
    snippets,
    async (folder) => {
      const at = (file: string): string => join(folder, folderOf(readme), file);
      const worker = start(at("worker.ts"));
      try {
        // A publish finds nobody before the first process has connected and made the streams.
        const embedded = await run(at("service.ts"));
        expect(embedded).toEqual(promised("service.ts"));
        const [published = ""] = await run(at("publish.ts"));
        expect(published).toMatch(/^\{ stream: 'floxide-work', seq: \d+ \}$/);
      } finally {
        worker.child.kill("SIGTERM");
      }
      expect(await once(worker.child, "close")).toEqual([0, null]);
      const local = snippets.find(({ fence }) => fence.code.includes("runLocal"))?.file ?? "";
      expect(await run(at(local))).toEqual(promised(local));
    },
    (code) => code.replaceAll("127.0.0.1:4222", address),
  );
});

test("the workflow is as short as one hopes", () => {
  const code = snippets.find(({ file }) => file === "text.ts")?.fence.code ?? "";
  expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(26);
});

test("the program of the page about tests writes what it says", async () => {
  const page = pageAt("docs/testing.md");
  const programs = snippetsOf(page);
  const written = await withSnippets(programs, (folder) =>
    run(join(folder, folderOf(page), "approval.ts")),
  );
  expect(written).toEqual(promised("approval.ts", programs));
  expect(written).toHaveLength(4);
});
