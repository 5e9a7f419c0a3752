import { type Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { startEmbedded } from "../embedded.ts";
import { runInForeground } from "../foreground.ts";
import { Serving } from "../serving.ts";

interface ServerCommandOptions {
  readonly port: number;
  readonly storeDir?: string;
  readonly config?: string;
}

/** Adds `server`. */
export function addServerCommand(program: Command, act: Act): void {
  program
    .command("server")
    .summary("start a nats-server for development")
    .description(
      "Starts a nats-server with JetStream for development, fetching one where there is none, until it is stopped.",
    )
    .option("--port <n>", "port to listen on; 0 for a free one", wholeNumber(0, 65_535), 4_222)
    .option(
      "--store-dir <folder>",
      "where data is kept (default: a temporary folder that goes with the server)",
    )
    .addOption(
      new Option(
        "--config <file>",
        "run it with this configuration instead, as nats-server -c does: in the foreground, with its exit code",
      ).conflicts(["port", "storeDir"]),
    )
    .addHelpText(
      "after",
      examples(
        "floxide server",
        "floxide server --port 4333 --store-dir .nats",
        "floxide server --config nats-server.conf",
      ),
    )
    .action(
      act(async (cli, _args, command) => {
        const { config, ...options } = command.opts<ServerCommandOptions>();
        if (config !== undefined) return await runInForeground(cli, config);
        await serve(cli, options);
        return;
      }),
    );
}

async function serve(cli: Cli, options: Omit<ServerCommandOptions, "config">): Promise<void> {
  const serving = new Serving(cli);
  await serving.during(async () => {
    const { url, storeDir } = serving.add("server", await startEmbedded(cli, options));
    await serving.untilStopped({ server: url, storeDir }, () => `nats-server on ${url}\n`);
  });
}
