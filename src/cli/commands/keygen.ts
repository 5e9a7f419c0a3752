import { rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { FloxideError } from "../../core/errors.ts";
import { newKeyPair } from "../../jetstream/signing-keys.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import { reasonOf } from "../read-json.ts";

/** For the owner alone. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/** Adds `keygen`. */
export function addKeygenCommand(program: Command, act: Act): void {
  program
    .command("keygen")
    .summary("make a pair of keys for signed work")
    .description(
      "Makes a pair of Ed25519 keys: the private one in the file (for --signing-key), the public one in <file>.pub (for --trusted-keys). Overwrites nothing. Needs no server.",
    )
    .argument("<file>", "where the private key goes")
    .addHelpText(
      "after",
      examples(
        "floxide keygen orders.key",
        "floxide worker flows.ts --signing-key orders.key --trusted-keys orders.key.pub",
      ),
    )
    .action(
      act(async (cli, [path = ""]) => {
        const { id, privateKey, publicKey } = newKeyPair();
        const files = { privateKey: path, publicKey: `${path}.pub` };
        write(cli, files.privateKey, privateKey, PRIVATE);
        try {
          write(cli, files.publicKey, publicKey, PUBLIC);
        } catch (error) {
          // No half of a pair is left behind.
          rmSync(resolve(cli.io.cwd, files.privateKey));
          throw error;
        }
        cli.answer({ id, ...files }, () =>
          cli.block([
            ["key", id],
            ["private", `${files.privateKey}, for --signing-key: keep it secret`],
            ["public", `${files.publicKey}, for --trusted-keys`],
          ]),
        );
      }),
    );
}

function write(cli: Cli, path: string, text: string, mode: number): void {
  try {
    writeFileSync(resolve(cli.io.cwd, path), text, { mode, flag: "wx" });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): FloxideError {
  const isThere = (cause as NodeJS.ErrnoException).code === "EEXIST";
  const why = isThere ? "it is there already" : reasonOf(cause);
  const message = `${path} cannot be written: ${why}`;
  return new FloxideError("validation", message, { details: { path }, cause });
}
