import { Argument, type Command } from "commander";
import { toServerConfig, toServerUser } from "../../jetstream/permissions/server-config.ts";
import { permissionsOf, ROLE_NAMES, type RoleName } from "../../jetstream/permissions.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import type { GlobalOptions } from "../settings.ts";

interface Options extends GlobalOptions {
  readonly workflow?: readonly string[];
  readonly direct?: boolean;
}

/** Adds `permissions`. */
export function addPermissionsCommand(program: Command, act: Act): void {
  program
    .command("permissions")
    .summary("print what a NATS user of a kind needs to be allowed")
    .description(
      "Prints an entry for the users of nats-server.conf: a starter, observer or operator goes through the orchestrator service, " +
        "unless it works on JetStream itself (--direct), as workers and orchestrators do. Needs no server.",
    )
    .addArgument(new Argument("<role>").choices(ROLE_NAMES))
    .option("--workflow <names>", "starter and worker: of these workflows only, with commas", names)
    .option("--direct", "starter, observer, operator: on JetStream itself")
    .addHelpText(
      "after",
      examples(
        "floxide permissions starter --workflow order,refund --user shop",
        "floxide permissions worker --workflow order",
        "floxide permissions observer --json",
      ),
    )
    .action(
      act(async (cli, [role = ""], command) => {
        const { workflow, direct, user } = command.optsWithGlobals<Options>();
        const { namespace, partitions } = cli.settings;
        const granted = permissionsOf({
          role: role as RoleName,
          namespace,
          ...(partitions === null ? {} : { partitions }),
          direct,
          workflows: workflow,
          user,
        });
        const { permissions: _, user: __, ...about } = granted;
        cli.answer({ ...about, user: toServerUser(granted) }, () => toServerConfig(granted));
      }),
    );
}

const names = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(",").map((name) => name.trim()),
];
