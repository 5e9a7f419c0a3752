import { type Command, Option } from "commander";
import { DistributedWorker } from "../../client/distributed-worker.ts";
import { OrchestratorService } from "../../client/orchestrator-service.ts";
import { WorkerPool } from "../../client/worker-pool.ts";
import type { Logger } from "../../core/logger.ts";
import type { AnyWorkflow } from "../../workflows/index.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { startEmbedded } from "../embedded.ts";
import { runInForeground } from "../foreground.ts";
import { loadWorkflows } from "../load-workflows.ts";
import { Serving } from "../serving.ts";
import { readDuration } from "../text/time.ts";

/** Options of commands that execute work. */
export interface WorkerCommandOptions {
  readonly concurrency: number;
  readonly workers: number;
  readonly workerId?: string;
  readonly grace: number;
}

/** Adds the options of {@link WorkerCommandOptions}. */
export function withWorkerOptions(command: Command): Command {
  return command
    .option(
      "--concurrency <n>",
      "nodes that one worker executes at once",
      wholeNumber(1, 10_000),
      16,
    )
    .option("--workers <n>", "workers in this process", wholeNumber(1, 64), 1)
    .addOption(
      new Option("--grace <duration>", "how long running nodes may finish when it stops")
        .argParser(readDuration)
        .default(30_000, "30s"),
    );
}

/** Connects and starts one worker, or a pool of them. */
export async function startWorkers(
  cli: Cli,
  serving: Serving,
  workflows: readonly AnyWorkflow[],
  options: WorkerCommandOptions & { readonly servers?: string },
): Promise<void> {
  const { concurrency, workers, workerId, grace, servers } = options;
  const log = cli.logger("info");
  const wanted = {
    ...cli.jetstream(log),
    ...(servers === undefined ? {} : { servers }),
    ...(workerId === undefined ? {} : { workerId }),
    workflows,
    concurrency,
    graceMs: grace,
  };
  const one = await (workers === 1
    ? DistributedWorker.connect(wanted)
    : WorkerPool.connect({ ...wanted, workers }));
  await serving.add("workers", one).start();
}

/** Connects and starts the orchestrator service. */
export async function startService(
  cli: Cli,
  serving: Serving,
  workflows: readonly AnyWorkflow[],
  options: { readonly repairEveryMs?: number; readonly servers?: string },
): Promise<OrchestratorService> {
  const logger: Logger = cli.logger("info");
  const service = await OrchestratorService.connect({
    ...cli.jetstream(logger),
    ...options,
    workflows,
  });
  await serving.add("service", service).start();
  return service;
}

/** Names and versions, as people read them. */
export const namesOf = (workflows: readonly AnyWorkflow[]): string =>
  workflows.map(({ name, version }) => `${name} v${version}`).join(", ");

/** Adds `worker`, `orchestrator` and `server`. */
export function addServeCommands(program: Command, act: Act): void {
  withWorkerOptions(program.command("worker"))
    .summary("execute work")
    .description(
      "Executes work of the workflows in modules until it is stopped. Start more of them for more throughput.",
    )
    .argument("<module...>", ".ts or .js files that export workflows")
    .option(
      "--worker-id <id>",
      "names the worker in lists and logs (default: host name and a unique suffix)",
    )
    .addHelpText(
      "after",
      examples(
        "floxide worker flows.ts",
        "floxide worker dist/flows.js --concurrency 64 --server nats://nats:4222",
      ),
    )
    .action(
      act((cli, modules, command) =>
        work(cli, modules.flat(), command.opts<WorkerCommandOptions>()),
      ),
    );
  program
    .command("orchestrator")
    .summary("answer the API and repair runs")
    .description(
      "Answers <namespace>.api.<verb> and repairs runs until it is stopped. Any number of them share the load. It starts runs of the " +
        "workflows in modules, and watches and steers runs of all.",
    )
    .argument("[module...]", ".ts or .js files that export workflows")
    .addOption(repairEvery())
    .addHelpText("after", examples("floxide orchestrator flows.ts", "nats req floxide.api.list ''"))
    .action(
      act((cli, modules, command) =>
        orchestrate(cli, modules.flat(), command.opts<{ repairEvery: number }>()),
      ),
    );
  addServerCommand(program, act);
}

function addServerCommand(program: Command, act: Act): void {
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

interface ServerCommandOptions {
  readonly port: number;
  readonly storeDir?: string;
  readonly config?: string;
}

async function work(
  cli: Cli,
  modules: readonly string[],
  options: WorkerCommandOptions,
): Promise<void> {
  const workflows = await loadWorkflows(modules, cli.io.cwd);
  const serving = new Serving(cli);
  await serving.during(async () => {
    await startWorkers(cli, serving, workflows, options);
    const { namespace } = cli.settings;
    const { concurrency, workers } = options;
    await serving.untilStopped(
      { namespace, workers, concurrency, workflows: workflows.map(({ name }) => name) },
      () => `working for ${namesOf(workflows)} in namespace "${namespace}"\n`,
    );
  });
}

async function orchestrate(
  cli: Cli,
  modules: readonly string[],
  options: { readonly repairEvery: number },
): Promise<void> {
  const workflows = await loadWorkflows(modules, cli.io.cwd);
  const serving = new Serving(cli);
  await serving.during(async () => {
    const { identity } = await startService(cli, serving, workflows, {
      repairEveryMs: options.repairEvery,
    });
    const { namespace } = cli.settings;
    await serving.untilStopped(
      {
        namespace,
        service: identity.name,
        id: identity.id,
        workflows: workflows.map(({ name }) => name),
      },
      () =>
        `answering on ${namespace}.api.>${workflows.length === 0 ? "" : `, starting ${namesOf(workflows)}`}\n`,
    );
  });
}

async function serve(cli: Cli, options: Omit<ServerCommandOptions, "config">): Promise<void> {
  const serving = new Serving(cli);
  await serving.during(async () => {
    const { url, storeDir } = serving.add("server", await startEmbedded(cli, options));
    await serving.untilStopped({ server: url, storeDir }, () => `nats-server on ${url}\n`);
  });
}

const repairEvery = (): Option =>
  new Option("--repair-every <duration>", "time between two looks for stranded runs; 0 for none")
    .argParser(readDuration)
    .default(30_000, "30s");
