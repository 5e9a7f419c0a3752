import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const examples = readdirSync(`${ROOT}examples`).filter((name) => /^\d\d-.*\.ts$/.test(name));

test.concurrent.each(examples)("%s runs by itself and prints what it did", async (file) => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", `examples/${file}`],
    { cwd: ROOT, timeout: 45_000 },
  );
  expect(stdout.trim()).not.toBe("");
  expect(stderr).toBe("");
});
