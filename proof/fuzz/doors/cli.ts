import fc from "fast-check";
import { EXIT } from "../../../src/cli/exit-codes.ts";
import type { Io, Sink } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/program.ts";
import { MemoryWorld } from "../../../src/memory/world.ts";
import { START_BODIES } from "../corpus.ts";
import { demand, door, type Verdict } from "../door.ts";
import { bodies, texts } from "../hostile.ts";

// Commands that serve (`dev`, `worker`, `orchestrator`) are left out: they are all connection.

const COMMANDS = [
  ["start", "order", "1"],
  ["start", "order", "{}", "--run-id", "r", "--context", "{}"],
  ["start", "order", "-"],
  ["status", "r"],
  ["list"],
  [
    "list",
    "--status",
    "failed",
    "--workflow",
    "order",
    "--limit",
    "5",
    "--since",
    "1h",
    "--until",
    "2026-01-01",
  ],
  ["list", "--cursor", "WyJ4Il0"],
  ["cancel", "r"],
  ["pause", "r"],
  ["resume", "r"],
  ["signal", "r", "go", "{}", "--signal-id", "s"],
  ["result", "r"],
  ["errors", "r", "--limit", "3"],
  ["metrics", "r"],
  ["context", "r"],
  ["history", "r", "--after", "1", "--limit", "10"],
  ["pending", "r"],
  ["items", "r"],
  ["workers", "--threshold", "5s"],
  ["backlog"],
  ["dead-letters", "--limit", "5", "--before", "9"],
  ["repair"],
  ["graph", "flows.ts"],
  ["help", "start"],
] as const;

const OPTIONS = [
  "--json",
  "--quiet",
  "--namespace",
  "--server",
  "--user",
  "--pass",
  "--token",
  "--creds",
  "--log-level",
  "--limit",
  "--status",
  "--run-id",
  "--context",
  "--since",
  "--nonsense",
  "-h",
  "--version",
  "--",
] as const;

class Text implements Sink {
  text = "";
  readonly columns: number | null = null;
  readonly colors = false;

  write(text: string): void {
    this.text += text;
  }
}

interface Case {
  readonly words: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
}

const word = fc.oneof(
  { weight: 3, arbitrary: texts },
  { weight: 2, arbitrary: fc.constantFrom(...OPTIONS) },
  { weight: 1, arbitrary: bodies(START_BODIES) },
);

const spoils = fc.array(fc.record({ at: fc.nat(8), word, replaces: fc.boolean() }), {
  maxLength: 3,
});

const lines = fc
  .tuple(fc.constantFrom<readonly string[]>(...COMMANDS), spoils)
  .map(([command, list]) => {
    const words = [...command];
    for (const { at, word: given, replaces } of list)
      words.splice(at % (words.length + 1), replaces ? 1 : 0, given);
    return words;
  });

/** Words that make a command serve, wait or read what it should not. */
const SERVES = /^(dev|worker|orchestrator|wait)$/;
const isTried = (words: readonly string[]): boolean =>
  !words.some((one) => SERVES.test(one) || one.startsWith("--wait") || one.startsWith("--follow"));

/** Command lines, run in this process. */
export const cli = door<Case>({
  name: "cli",
  summary: "command lines: arguments, options, the standard input, the environment",
  few: 150,
  cases: fc.record({
    words: lines.filter(isTried),
    stdin: bodies(START_BODIES),
    env: fc.oneof(
      { weight: 5, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.dictionary(
          fc.constantFrom("FLOXIDE_NAMESPACE", "FLOXIDE_SERVER", "NATS_USER", "NATS_CREDS"),
          texts,
          { maxKeys: 2 },
        ),
      },
    ),
  }),
  open: () => {
    let world = new MemoryWorld();
    let count = 0;
    return {
      attempt: async ({ words, stdin, env }) => {
        if (++count % 1_000 === 0) world = new MemoryWorld();
        const [out, err] = [new Text(), new Text()];
        const io: Io = {
          env,
          cwd: import.meta.dirname,
          out,
          err,
          readStdin: async () => stdin,
          now: Date.now,
          open: async () => {
            const backend = world.open();
            return {
              backend: async () => backend,
              ask: async () => null,
              close: () => backend.close(),
            };
          },
          stopAsked: async () => "SIGTERM",
        };
        return verdictOf(await run(words, io), words, out.text, err.text);
      },
    };
  },
});

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [EXIT.ok]: "accepted",
  [EXIT.usage]: "validation",
};

function verdictOf(code: number, words: readonly string[], out: string, err: string): Verdict {
  demand(Object.values(EXIT).includes(code as never), `the exit code is ${code}`);
  demand(!err.includes("this is a bug"), `the command met a fault: ${err}`);
  demand(!/[^\P{Cc}\n]/u.test(out + err), "control characters reach the terminal");
  if (code !== EXIT.ok) demand(out !== "" || err !== "", "a command ends without a word");
  if (words.includes("--json") && code !== EXIT.ok && out === "" && err.startsWith("{"))
    JSON.parse(err);
  return VERDICTS[code] ?? "not_found";
}
