import type { Command } from "commander";
import { FloxideError } from "../../core/errors.ts";
import { describeWorkflow } from "../../service/describe-workflow.ts";
import type { AnyWorkflow } from "../../workflows/index.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { startEmbedded } from "../embedded.ts";
import { loadWorkflows } from "../load-workflows.ts";
import { sampleOf } from "../sample.ts";
import { Serving } from "../serving.ts";
import { styled } from "../text/style.ts";
import type { WorkerCommandOptions } from "./serve.ts";
import { namesOf, startServices, startWorkers, withWorkerOptions } from "./serve.ts";

interface DevOptions extends WorkerCommandOptions {
  readonly port: number;
  readonly storeDir?: string;
}

/** Adds `dev`. */
export function addDevCommand(program: Command, act: Act): void {
  withWorkerOptions(program.command("dev"))
    .summary("everything in one command: server, service and worker")
    .description(
      "Starts a nats-server, an orchestrator service and a worker for the workflows in modules, in one process, until it is stopped.",
    )
    .argument("<module...>", ".ts or .js files that export workflows")
    .option(
      "--port <n>",
      "port of the nats-server; 0 for a free one",
      wholeNumber(0, 65_535),
      4_222,
    )
    .option(
      "--store-dir <folder>",
      "where data is kept (default: a temporary folder that goes with the server)",
    )
    .addHelpText(
      "after",
      examples(
        "floxide dev flows.ts",
        "floxide dev flows.ts --port 0 --store-dir .floxide --workers 2",
      ),
    )
    .action(
      act((cli, modules, command) => develop(cli, modules.flat(), command.opts<DevOptions>())),
    );
}

async function develop(cli: Cli, modules: readonly string[], options: DevOptions): Promise<void> {
  if (cli.settings.serverGiven) {
    throw new FloxideError(
      "validation",
      "dev starts a server of its own: leave --server out, or use worker and orchestrator",
    );
  }
  const workflows = await loadWorkflows(modules, cli.io.cwd);
  const serving = new Serving(cli);
  await serving.during(async () => {
    const server = serving.add("server", await startEmbedded(cli, options));
    const servers = server.url;
    await startServices(cli, serving, workflows, { servers });
    await startWorkers(cli, serving, workflows, { ...options, servers });
    const { namespace } = cli.settings;
    await serving.untilStopped(
      {
        server: servers,
        namespace,
        storeDir: server.storeDir,
        workflows: workflows.map(({ name }) => name),
      },
      () => welcome(cli, workflows, servers, options),
    );
  });
}

/** What runs, and how to start something. */
function welcome(
  cli: Cli,
  workflows: readonly AnyWorkflow[],
  url: string,
  { storeDir, workers, concurrency }: DevOptions,
): string {
  const { namespace, partitions } = cli.settings;
  const [first] = workflows;
  const name = first?.name ?? "";
  const input = first === undefined ? null : sampleOf(describeWorkflow(first).inputSchema);
  // The partition is that of the run id: without one nobody would find the run.
  const request = partitions === null ? { input } : { input, runId: "first" };
  const place = cli.of("first").settings.namespace;
  const each = partitions === null ? namespace : `${namespace}-<partition>`;
  const data = storeDir ?? "a temporary folder that goes when this ends; keep it with --store-dir";
  const where = `${url === "nats://127.0.0.1:4222" ? "" : ` --server ${url}`}${namespace === "floxide" ? "" : ` --namespace ${namespace}`}${partitions === null ? "" : ` --partitions ${partitions}`}`;
  const facts = cli.block([
    ["server", url],
    ["data", data],
    ["namespace", partitions === null ? namespace : `${namespace}, ${partitions} partitions`],
    ["workflows", namesOf(workflows)],
    ["workers", `${workers}, each with ${concurrency} nodes at once`],
    ["start on", `${each}.start.<workflow>, or ask ${each}.api.start`],
  ]);
  const bold = (text: string): string => styled(text, "bold", cli.io.out.colors);
  return `${facts}
${bold("Start a run, from another terminal:")}
  floxide start ${name} ${quoted(JSON.stringify(input))} --wait${where}
  nats --server ${url} req ${place}.start.${name} ${quoted(JSON.stringify(request))}

`;
}

/** As a shell takes it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
