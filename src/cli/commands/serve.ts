import { type Command, Option } from "commander";
import { DistributedWorker } from "../../client/distributed-worker.ts";
import { OrchestratorService } from "../../client/orchestrator-service.ts";
import { PartitionedService } from "../../client/partitioned-service.ts";
import { PartitionedWorker } from "../../client/partitioned-worker.ts";
import { WorkerPool } from "../../client/worker-pool.ts";
import { FloxideError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { MAX_PARTITIONS, servedOf } from "../../core/partition-of.ts";
import type { ServiceIdentity } from "../../service/discovery.ts";
import type { AnyWorkflow } from "../../workflows/index.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { loadWorkflows } from "../load-workflows.ts";
import { Serving } from "../serving.ts";
import { readDuration } from "../text/time.ts";

/** Options of commands that execute work. */
export interface WorkerCommandOptions {
  readonly concurrency: number;
  readonly workers: number;
  readonly workerId?: string;
  readonly grace: number;
  readonly serve?: readonly number[];
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
  const { concurrency, workers, workerId, grace, servers, serve } = options;
  const { partitions } = cli.settings;
  const log = cli.logger("info");
  const wanted = {
    ...cli.jetstream(log),
    ...(servers === undefined ? {} : { servers }),
    ...(workerId === undefined ? {} : { workerId }),
    workflows,
    concurrency,
    graceMs: grace,
  };
  const connect = (): Promise<DistributedWorker | WorkerPool | PartitionedWorker> => {
    if (partitions !== null)
      return PartitionedWorker.connect({ ...wanted, ...served(serve), partitions });
    return workers === 1
      ? DistributedWorker.connect(wanted)
      : WorkerPool.connect({ ...wanted, workers });
  };
  checkWorkers(partitions, workers, serve);
  await serving.add("workers", await connect()).start();
}

/** @throws FloxideError `validation` for options that do not go together */
function checkWorkers(
  partitions: number | null,
  workers: number,
  serve: readonly number[] | undefined,
): void {
  if (partitions !== null && workers !== 1) {
    const why = "--workers is for a system without partitions: with them give --concurrency";
    throw new FloxideError("validation", why);
  }
  checkServe(partitions, serve);
}

/** @throws FloxideError `validation` for options that do not go together */
function checkServe(partitions: number | null, serve: readonly number[] | undefined): void {
  if (partitions === null && serve !== undefined)
    throw new FloxideError("validation", "--serve is for a system with --partitions");
}

const served = (serve: readonly number[] | undefined) => (serve === undefined ? {} : { serve });

const serveOption = (): Option =>
  new Option(
    "--serve <numbers>",
    "with --partitions: only these, with commas (default: all)",
  ).argParser(readNumbers);

function readNumbers(text: string): readonly number[] {
  const one = wholeNumber(0, MAX_PARTITIONS - 1);
  return text.split(",").map((part) => one(part));
}

/** Connects and starts the orchestrator service, or one for each partition. @returns who they are */
export async function startServices(
  cli: Cli,
  serving: Serving,
  workflows: readonly AnyWorkflow[],
  options: {
    readonly repairEveryMs?: number;
    readonly servers?: string;
    readonly serve?: readonly number[];
  },
): Promise<readonly ServiceIdentity[]> {
  const { partitions } = cli.settings;
  const { serve, ...others } = options;
  checkServe(partitions, serve);
  const logger: Logger = cli.logger("info");
  const wanted = { ...cli.jetstream(logger), ...others, workflows };
  if (partitions === null) {
    const service = serving.add("service", await OrchestratorService.connect(wanted));
    await service.start();
    return [service.identity];
  }
  const all = await PartitionedService.connect({ ...wanted, ...served(serve), partitions });
  await serving.add("services", all).start();
  return all.services.map(({ identity }) => identity);
}

/** Names and versions, as people read them. */
export const namesOf = (workflows: readonly AnyWorkflow[]): string =>
  workflows.map(({ name, version }) => `${name} v${version}`).join(", ");

/** Adds `worker` and `orchestrator`. */
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
    .addOption(serveOption())
    .addHelpText(
      "after",
      examples(
        "floxide worker flows.ts",
        "floxide worker dist/flows.js --concurrency 64 --server nats://nats:4222",
        "floxide worker flows.ts --partitions 4 --serve 0,1",
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
    .addOption(serveOption())
    .addHelpText("after", examples("floxide orchestrator flows.ts", "nats req floxide.api.list ''"))
    .action(
      act((cli, modules, command) =>
        orchestrate(cli, modules.flat(), command.opts<OrchestratorCommandOptions>()),
      ),
    );
}

interface OrchestratorCommandOptions {
  readonly repairEvery: number;
  readonly serve?: readonly number[];
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
    const { concurrency, workers } = options;
    await serving.untilStopped(
      {
        ...placeOf(cli, options.serve),
        workers,
        concurrency,
        workflows: workflows.map(({ name }) => name),
      },
      () => `working for ${namesOf(workflows)} in ${placeText(cli, options.serve)}\n`,
    );
  });
}

async function orchestrate(
  cli: Cli,
  modules: readonly string[],
  { repairEvery, serve }: OrchestratorCommandOptions,
): Promise<void> {
  const workflows = await loadWorkflows(modules, cli.io.cwd);
  const serving = new Serving(cli);
  await serving.during(async () => {
    const options = { repairEveryMs: repairEvery, ...served(serve) };
    const identities = await startServices(cli, serving, workflows, options);
    const [first] = identities;
    const { namespace, partitions } = cli.settings;
    const ids = partitions === null ? { id: first?.id } : { ids: identities.map(({ id }) => id) };
    const subject = partitions === null ? `${namespace}.api.>` : `${namespace}-<partition>.api.>`;
    await serving.untilStopped(
      {
        ...placeOf(cli, serve),
        service: first?.name,
        ...ids,
        workflows: workflows.map(({ name }) => name),
      },
      () =>
        `answering on ${subject}${workflows.length === 0 ? "" : `, starting ${namesOf(workflows)}`}\n`,
    );
  });
}

/** Where a process works: the namespace, and its partitions where there are some. */
function placeOf(cli: Cli, serve: readonly number[] | undefined): object {
  const { namespace, partitions } = cli.settings;
  if (partitions === null) return { namespace };
  return { namespace, partitions, serve: servedOf(serve, partitions) };
}

function placeText(cli: Cli, serve: readonly number[] | undefined): string {
  const { namespace, partitions } = cli.settings;
  if (partitions === null) return `namespace "${namespace}"`;
  if (serve === undefined) return `all ${partitions} partitions of "${namespace}"`;
  return `partitions ${serve.join(", ")} of the ${partitions} of "${namespace}"`;
}

const repairEvery = (): Option =>
  new Option("--repair-every <duration>", "time between two looks for stranded runs; 0 for none")
    .argParser(readDuration)
    .default(30_000, "30s");
