import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-codes.ts";
import { programOf } from "../../src/cli/program.ts";
import { FloxideError } from "../../src/core/errors.ts";
import { PAGES, pageAt, section } from "./pages.ts";

const silent = { write: () => {}, columns: null, colors: false };
const io = { out: silent, err: silent, now: () => 0 };
/** The command line, with commands that do nothing. */
const program = () => programOf(() => async () => {}, io);
const commands = program().commands;

const lines = PAGES.flatMap((page) =>
  page.fences
    .filter(({ language }) => language === "sh")
    .flatMap(({ code }) => code.split("\n"))
    .map((line) => line.replace(/^(?:npx floxide|npm run floxide --) /, "floxide "))
    .filter((line) => line.startsWith("floxide "))
    .map((line) => [page.path, line.replace(/\s+#.*$/, "")] as const),
);

test.each(lines)("%s shows a command line that is one: %s", async (_page, line) => {
  const args = wordsOf(line).slice(1);
  // `help` ends the parsing, as help does.
  if (args[0] === "help") return;
  await expect(program().parseAsync(args, { from: "user" })).resolves.toBeDefined();
});

describe("the command line's table", () => {
  const text = section(pageAt("docs/operations.md"), "The command line");

  test.each(commands.map((command) => [command.name(), command] as const))(
    "has %s with its arguments and options",
    (name, command) => {
      const usual = new RegExp(`^\\| .*\`${name}(?:\`| ).*$`, "m");
      const row = usual.exec(text)?.[0] ?? "";
      expect(row).not.toBe("");
      for (const option of command.options) expect(row).toContain(`\`${option.long}\``);
    },
  );

  test("names no command that there is not", () => {
    const table = text.slice(text.indexOf("| command |"), text.indexOf("Inputs, contexts"));
    const named = [...table.matchAll(/^\| (.*?) \|/gm)]
      .flatMap(([, cell = ""]) => [...cell.matchAll(/`([a-z-]+)/g)].map(([, name]) => name))
      .filter((name) => name !== "help");
    expect(named.sort()).toEqual(commands.map((command) => command.name()).sort());
  });

  test("has the options of all commands", () => {
    for (const option of program().options) {
      if (option.long !== "--version") expect(text).toContain(`\`${option.long}\``);
    }
  });

  test("has the exit codes", () => {
    const codes = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    for (const code of ["failed", "validation", "not_found", "conflict", "timeout", "backend"]) {
      expect(codes).toContain(exitCodeOf(new FloxideError(code as "failed", "")));
    }
    expect(codes).toContain(exitCodeOf(new Error("a bug")));
  });
});

/** As a shell would split it: quotes keep words together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare?.replaceAll('"', "") ?? "",
  );
}
