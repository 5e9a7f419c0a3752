import type { Command } from "commander";
import { FloxideError, isFloxideError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { RunInfo } from "../../core/records/run-info.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { Runs } from "../runs.ts";
import { readDuration } from "../text/time.ts";
import { pretty, runBlock } from "../views.ts";

/** 0 for a run that completed or goes on, 1 for one that failed or was cancelled. */
export const exitOf = ({ status }: RunInfo): number =>
  status === "failed" || status === "cancelled" ? EXIT.runFailed : EXIT.ok;

/** The run at its end, with its output also where lists leave it out for its size. */
export async function ended(
  orchestrator: Runs,
  runId: string,
  timeoutMs: number | undefined,
): Promise<RunInfo> {
  const info = await orchestrator.waitForCompletion(runId, { timeoutMs }).catch(async (error) => {
    throw isFloxideError(error, "timeout") ? await explained(orchestrator, runId, error) : error;
  });
  if (info.status !== "completed" || info.output !== null) return info;
  return { ...info, output: await outputOf(orchestrator, runId) };
}

/** Says it of a run that no worker has taken, which may wait for ever. */
async function explained(
  orchestrator: Runs,
  runId: string,
  error: FloxideError,
): Promise<FloxideError> {
  const pending = await orchestrator.pendingWork(runId).catch(() => null);
  if (pending?.accepted !== true) return error;
  const message = `${error.message}; no worker has taken its start request yet: see floxide dead-letters and floxide pending`;
  return new FloxideError(error.code, message, { details: error.details, cause: error });
}

/** A run that was kept only so long may be gone already. */
async function outputOf(orchestrator: Runs, runId: string): Promise<Json> {
  try {
    return await orchestrator.result(runId);
  } catch (error) {
    if (isFloxideError(error, "not_found")) return null;
    throw error;
  }
}

/** Adds `status`, `wait` and `result`. */
export function addOutcomeCommands(program: Command, act: Act): void {
  program
    .command("status")
    .summary("say how a run stands")
    .description("Says how a run stands: status, times, and what it gave or failed of.")
    .argument("<runId>")
    .addHelpText("after", examples("floxide status order-4711", "floxide status order-4711 --json"))
    .action(
      act((cli, [runId = ""]) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const info = await orchestrator.run(runId);
          cli.answer(info, () => runBlock(cli, info));
        }),
      ),
    );
  program
    .command("wait")
    .summary("wait until a run has ended")
    .description(
      "Waits until a run has ended, however it ended. Ends with 1 where it failed or was cancelled, with 5 where it goes on.",
    )
    .argument("<runId>")
    .option(
      "--timeout <duration>",
      "how long to wait: 30s, 5m, 1h (default: without end)",
      readDuration,
    )
    .addHelpText("after", examples("floxide wait order-4711 --timeout 5m"))
    .action(
      act((cli, [runId = ""], command) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const { timeout } = command.opts<{ timeout?: number }>();
          const info = await ended(orchestrator, runId, timeout);
          cli.answer(info, () => runBlock(cli, info));
          return exitOf(info);
        }),
      ),
    );
  program
    .command("result")
    .summary("print what a run gave")
    .description(
      "Prints the output of a completed run as JSON. Ends with 1 where it failed or was cancelled, with 4 while it goes on.",
    )
    .argument("<runId>")
    .option("--all", "the values of all ends that were reached, not only the last one")
    .addHelpText(
      "after",
      examples("floxide result order-4711", "floxide result order-4711 --json | jq .output"),
    )
    .action(
      act((cli, [runId = ""], command) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const output = await orchestrator.result(runId);
          if (command.opts<{ all?: boolean }>().all !== true) {
            cli.answer({ output }, () => pretty(output));
            return;
          }
          const outputs = await orchestrator.outputs(runId);
          cli.answer({ outputs }, () => pretty(outputs));
        }),
      ),
    );
}
