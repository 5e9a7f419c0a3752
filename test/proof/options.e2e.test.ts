import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const TSX = import.meta.resolve("tsx");
const USAGE = "npm run soak -- [--minutes 10]";

/** Runs `npm run soak` to its end. */
function soak(...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const words = ["--import", TSX, join(ROOT, "proof/soak/main.ts"), ...args];
    const child = execFile(process.execPath, words, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

describe.concurrent("a program", () => {
  test("answers an option that it does not have with its usage, and ends with 2", async () => {
    const { code, out, err } = await soak("--sed", "1");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err.split("\n")).toEqual([
      expect.stringContaining("Unknown option '--sed'"),
      expect.stringContaining(USAGE),
      "",
    ]);
  });

  test("answers --help with its usage", async () => {
    const ended = await soak("--help");
    expect(ended).toEqual({ code: 0, out: expect.stringContaining(USAGE), err: "" });
  });
});

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const programs = Object.entries(scripts).flatMap(([name, words]) => {
  const file = /\btsx (?:--\S+ )?((?:proof|bench)\/\S*)$/.exec(words)?.[1];
  return file === undefined ? [] : [[name, file] as const];
});

test.each(programs)("%s reads its options as all do, and says its own name", (name, file) => {
  const text = readFileSync(join(ROOT, file), "utf8");
  expect(text).toContain("readOptions(USAGE, {");
  expect(text).toContain(`npm run ${name} -- [--`);
});
