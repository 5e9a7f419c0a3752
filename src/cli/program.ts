import { Command, CommanderError, Option } from "commander";
import { packageVersion } from "../client/version.ts";
import { MAX_PARTITIONS } from "../core/partition-of.ts";
import { Cli } from "./cli.ts";
import { type Act, wholeNumber } from "./command.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addGraphCommand } from "./commands/graph.ts";
import { addFigureCommands, addPastCommands } from "./commands/inspect.ts";
import { addKeygenCommand } from "./commands/keygen.ts";
import { addListCommand } from "./commands/list.ts";
import { addOutcomeCommands } from "./commands/outcome.ts";
import { addPermissionsCommand } from "./commands/permissions.ts";
import { addRepairCommand } from "./commands/repair.ts";
import { addServeCommands } from "./commands/serve.ts";
import { addServerCommand } from "./commands/server.ts";
import { addStartCommand } from "./commands/start.ts";
import { addSteerCommands } from "./commands/steer.ts";
import { addQueueCommands, addSystemCommands } from "./commands/system.ts";
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import type { GlobalOptions, Settings } from "./settings.ts";
import { DEFAULT_NAMESPACE, DEFAULT_SERVER, LOG_LEVELS, settingsOf } from "./settings.ts";

/** Goes by these where the command line itself cannot be read. */
const PLAIN: Settings = {
  json: false,
  quiet: false,
  throughApi: false,
  logLevel: null,
  namespace: DEFAULT_NAMESPACE,
  partitions: null,
  partOf: null,
  keyFiles: {},
  serverGiven: false,
  connection: {},
};

/**
 * Runs one command line to its end. Everything that can go wrong is said here, once.
 *
 * @param args - without the names of node and script
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let cli = new Cli(io, { ...PLAIN, json: args.includes("--json") });
  let code: number = EXIT.ok;
  const act: Act =
    (action) =>
    async (...all) => {
      const command = all.at(-1) as Command;
      const options = command.optsWithGlobals<GlobalOptions>();
      cli = new Cli(io, settingsOf(options, io));
      code = (await action(cli, command.processedArgs as string[], command)) ?? EXIT.ok;
    };
  try {
    await programOf(act, io).parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return usage(cli, error);
    cli.complain(error);
    return exitCodeOf(error);
  }
}

/** Help and version are answers; the rest is a mistake. */
function usage(cli: Cli, error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.ok;
  // Help in place of a command has said everything.
  if (error.code !== "commander.help") {
    const message = error.message.replace(/^error: /, "");
    cli.complain(
      Object.assign(new Error(`${message} (see --help)`), { code: "validation", details: {} }),
    );
  }
  return EXIT.usage;
}

/** All commands. */
export function programOf(act: Act, io: Pick<Io, "out" | "err" | "now">): Command {
  const program = new Command("floxide")
    .description("Durable, distributed workflows on NATS JetStream.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => io.out.columns ?? 100,
      getErrHelpWidth: () => io.err.columns ?? 100,
      // Said by `run`, in one line.
      outputError: () => {},
    })
    .configureHelp({ showGlobalOptions: true, sortOptions: false });
  addGlobalOptions(program);
  program.commandsGroup("Run it:");
  addDevCommand(program, act);
  addServeCommands(program, act);
  addServerCommand(program, act);
  program.commandsGroup("Start and steer runs:");
  addStartCommand(program, act);
  addSteerCommands(program, act);
  program.commandsGroup("Look at runs:");
  addOutcomeCommands(program, act);
  addListCommand(program, act, io.now);
  addFigureCommands(program, act);
  addPastCommands(program, act);
  addQueueCommands(program, act);
  program.commandsGroup("Look at the system:");
  addSystemCommands(program, act);
  addRepairCommand(program, act);
  addGraphCommand(program, act);
  addKeygenCommand(program, act);
  addPermissionsCommand(program, act);
  return program.addHelpText("after", EXIT_CODES_HELP);
}

function addGlobalOptions(program: Command): void {
  program
    .option(
      "--server <url>",
      `NATS as host:port or URL, several with commas (env FLOXIDE_SERVER, NATS_URL; default: ${DEFAULT_SERVER})`,
    )
    .option(
      "--namespace <name>",
      `which floxide (env FLOXIDE_NAMESPACE; default: ${DEFAULT_NAMESPACE})`,
    )
    .option(
      "--partitions <n>",
      "the system is on so many partitions: namespaces <name>-0 and up (env FLOXIDE_PARTITIONS; default: none)",
      wholeNumber(1, MAX_PARTITIONS),
    )
    .option("--user <name>", "NATS user (env NATS_USER)")
    .option(
      "--pass <password>",
      "password of the user; better env NATS_PASSWORD, which ps does not show",
    )
    .option("--token <token>", "NATS token; better env NATS_TOKEN")
    .option("--creds <file>", "NATS credentials file (env NATS_CREDS)")
    .option(
      "--signing-key <file>",
      "private key that signs the work which is queued (env FLOXIDE_SIGNING_KEY_FILE)",
    )
    .option(
      "--trusted-keys <file>",
      "public keys: nothing else is executed (env FLOXIDE_TRUSTED_KEYS_FILE)",
    )
    .option("--nkey <file>", "file with the seed of an nkey (env NATS_NKEY)")
    .option("--tls-ca <file>", "CA of the server, as PEM (env NATS_CA)")
    .option("--tls-cert <file>", "certificate of this client, as PEM (env NATS_CERT)")
    .option("--tls-key <file>", "key of that certificate, as PEM (env NATS_KEY)")
    .option(
      "--inbox-prefix <subject>",
      "where answers come (env NATS_INBOX_PREFIX; default: _INBOX)",
    )
    .option(
      "--through-api",
      "look at runs and repair through the orchestrator service, not on JetStream itself (env FLOXIDE_THROUGH_API=1)",
    )
    .option("--json", "answers, errors and logs as JSON")
    .option("--quiet", "nothing but the answer and errors")
    .addOption(
      new Option("--log-level <level>", "what is logged to the standard error").choices(LOG_LEVELS),
    );
}
