import type { Command } from "commander";
import { FloxideError, isFloxideError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { newId } from "../../core/new-id.ts";
import { SAFE_NAME } from "../../core/token.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import type { Door } from "../io.ts";
import { loadWorkflows } from "../load-workflows.ts";
import { readJson } from "../read-json.ts";
import type { Runs } from "../runs.ts";
import type { WantedRun } from "../start-roads.ts";
import { startThroughService, startUnchecked } from "../start-roads.ts";
import { line } from "../text/printable.ts";
import { readDuration } from "../text/time.ts";
import { runBlock } from "../views.ts";
import { ended, exitOf } from "./outcome.ts";

interface StartCommandOptions {
  readonly context?: string;
  readonly runId?: string;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly module?: readonly string[];
}

/** `module`: checked here. `service`: checked by the service. `publish`: checked by the worker that takes it. */
type Road = "module" | "service" | "publish";

const SAID: Readonly<Record<Road, string>> = {
  module: "checked against the module and published",
  service: "checked and started by the orchestrator service",
  publish:
    "published unchecked, as no orchestrator service runs: the worker that takes it checks it",
};

/** Adds `start`. */
export function addStartCommand(program: Command, act: Act): void {
  program
    .command("start")
    .summary("start a run")
    .description(
      "Starts a run and prints its id. With --module the input is checked here; else by the orchestrator service where one runs, " +
        "or by the worker that takes the run. With --wait it waits for the end, and ends with 1 where the run failed or was cancelled.",
    )
    .argument("<workflow>", "name of the workflow")
    .argument("[input]", "JSON, - for the standard input, @file for a file", "null")
    .option("--context <json>", "values of context fields to begin with: JSON, - or @file")
    .option("--run-id <id>", "names the run: the same id twice is the same run (default: a uuid)")
    .option("--wait", "wait until the run has ended")
    .option("--timeout <duration>", "with --wait: how long (default: without end)", readDuration)
    .option(
      "--module <file>",
      "check against the workflows in this .ts or .js file; may be repeated",
      (file: string, files: readonly string[] = []) => [...files, file],
    )
    .addHelpText(
      "after",
      examples(
        `floxide start order '{"sku":"A-1"}' --run-id order-4711`,
        "floxide start order @order.json --wait --timeout 5m",
        "echo 42 | floxide start double - --module flows.ts",
      ),
    )
    .action(
      act(async (system, [workflow = "", text = "null"], command) => {
        const options = command.opts<StartCommandOptions>();
        if (options.timeout !== undefined && options.wait !== true)
          throw new FloxideError("validation", "--timeout goes with --wait");
        const run = await wantedRun(system, workflow, text, options);
        const cli = system.of(run.runId);
        const modules = options.module ?? [];
        const workflows = await loadWorkflows(modules, cli.io.cwd);
        return cli.withDoor(
          async (door, orchestrator) => {
            const road =
              modules.length > 0
                ? await throughModule(await orchestrator(), run)
                : await throughNats(cli, door, run);
            const runs = () => cli.runs(door, orchestrator);
            return await report(cli, runs, run.runId, road, options);
          },
          { workflows, create: true },
        );
      }),
    );
}

async function wantedRun(
  cli: Cli,
  workflow: string,
  text: string,
  options: StartCommandOptions,
): Promise<WantedRun> {
  if (text === "-" && options.context === "-") {
    throw new FloxideError(
      "validation",
      "input and context cannot both come from the standard input",
    );
  }
  const input = await readJson(cli.io, text, "the input");
  const context = await readJson(cli.io, options.context ?? "{}", "the context");
  if (typeof context !== "object" || context === null || Array.isArray(context)) {
    throw new FloxideError("validation", "the context must be a JSON object of fields");
  }
  // Named here, so that a request without an answer can be repeated and looked for.
  const runId = options.runId ?? newId();
  return { workflow, runId, input, context: context as Readonly<Record<string, Json>> };
}

async function throughModule(orchestrator: Orchestrator, run: WantedRun): Promise<Road> {
  const { workflow, input, context, runId } = run;
  await orchestrator.startRun(workflow, input, { context, runId });
  return "module";
}

async function throughNats(cli: Cli, door: Door, run: WantedRun): Promise<Road> {
  try {
    if (await startThroughService(door, run)) return "service";
  } catch (error) {
    if (isFloxideError(error, "timeout")) throw unknownWhether(run.runId, error);
    if (isFloxideError(error, "not_found")) throw unknownWorkflow(cli, run.workflow, error);
    throw error;
  }
  await startUnchecked(await door.backend(), run, () => cli.io.now());
  return "publish";
}

function unknownWhether(runId: string, cause: FloxideError): FloxideError {
  const message = `${cause.message}; whether the run was started is not known: repeat this with --run-id ${runId}`;
  return new FloxideError("timeout", message, { details: { ...cause.details, runId }, cause });
}

/** What the service says of a workflow that it does not know, with the other ways to start a run of it. */
function unknownWorkflow(cli: Cli, workflow: string, cause: FloxideError): FloxideError {
  const [, known] = /^there is no workflow ".*"; there is (.*)$/.exec(cause.message) ?? [];
  if (known === undefined || !SAFE_NAME.test(workflow)) return cause;
  const message =
    `the orchestrator service knows no workflow "${workflow}" (it has ${known}): ` +
    `give the module with --module, or publish to ${cli.settings.namespace}.start.${workflow}`;
  return new FloxideError("not_found", message, { details: cause.details, cause });
}

async function report(
  cli: Cli,
  runs: () => Promise<Runs>,
  runId: string,
  road: Road,
  options: StartCommandOptions,
): Promise<number> {
  cli.note(`run ${runId}: ${SAID[road]}`);
  if (options.wait !== true) {
    cli.answer({ runId, road }, () => line(runId));
    return 0;
  }
  const info = await runs()
    .then((looking) => ended(looking, runId, options.timeout))
    .catch((error: unknown) => {
      if (!isFloxideError(error) || error.code === "timeout") throw error;
      cli.answer({ runId, road }, () => line(runId));
      throw notSeen(runId, error);
    });
  cli.answer({ ...info, road }, () => runBlock(cli, info));
  return exitOf(info);
}

function notSeen(runId: string, cause: FloxideError): FloxideError {
  const message = `run "${runId}" was started; waiting for it failed: ${cause.message}`;
  return new FloxideError(cause.code, message, { details: { ...cause.details, runId }, cause });
}
