import type { Command } from "commander";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import { readJson } from "../read-json.ts";
import { throughService } from "../start-roads.ts";
import { line } from "../text/printable.ts";

interface Steering {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** What has been done to the run, as in `run x: cancelled`. */
  readonly done: string;
  readonly steer: (orchestrator: Orchestrator, runId: string) => Promise<void>;
}

const STEERINGS: readonly Steering[] = [
  {
    name: "cancel",
    summary: "cancel a run",
    description:
      "Cancels a run. When this has ended nothing of the run commits any more, and its queued work is gone.",
    done: "cancelled",
    steer: (orchestrator, runId) => orchestrator.cancel(runId),
  },
  {
    name: "pause",
    summary: "pause a run",
    description:
      "Pauses a run. When this has ended no new node of it starts; what runs now may still commit.",
    done: "paused",
    steer: (orchestrator, runId) => orchestrator.pause(runId),
  },
  {
    name: "resume",
    summary: "let a paused run go on, or a failed one try again",
    description: "Lets a paused run go on, or a failed one try again from exactly where it failed.",
    done: "goes on",
    steer: (orchestrator, runId) => orchestrator.resume(runId),
  },
];

/** Adds `cancel`, `pause`, `resume` and `signal`. */
export function addSteerCommands(program: Command, act: Act): void {
  for (const { name, summary, description, done, steer } of STEERINGS) {
    program
      .command(name)
      .summary(summary)
      .description(description)
      .argument("<runId>")
      .addHelpText("after", examples(`floxide ${name} order-4711`))
      .action(
        act((cli, [runId = ""]) =>
          cli.of(runId).withDoor(async (door, orchestrator) => {
            // A user who may only ask the service can do it too.
            if (!(await throughService(door, name, { runId }))) {
              await steer(await orchestrator(), runId);
            }
            cli.answer({ runId }, () => line(`run ${runId}: ${done}`));
          }),
        ),
      );
  }
  program
    .command("signal")
    .summary("send a signal to a run")
    .description(
      "Sends a signal to a run. It releases the item that has waited longest for it, or is kept for the next.",
    )
    .argument("<runId>")
    .argument("<name>", "what the run waits for")
    .argument("[payload]", "JSON, - for the standard input, @file for a file", "null")
    .option("--signal-id <id>", "the same id twice is one signal")
    .addHelpText(
      "after",
      examples(
        `floxide signal order-4711 approval '{"by":"Ann","ok":true}'`,
        "floxide signal order-4711 approval @approval.json --signal-id mail-17",
      ),
    )
    .action(
      act(async (cli, [runId = "", name = "", text = "null"], command) => {
        const payload = await readJson(cli.io, text, "the payload");
        const { signalId } = command.opts<{ signalId?: string }>();
        await cli.of(runId).withDoor(async (door, orchestrator) => {
          const given = signalId === undefined ? {} : { signalId };
          // The service knows the workflow, and refuses a payload that its node would fail of.
          if (!(await throughService(door, "signal", { runId, name, payload, ...given }))) {
            await (await orchestrator()).signal(runId, name, payload, given);
          }
          cli.answer({ runId }, () => line(`run ${runId}: signal "${name}" sent`));
        });
      }),
    );
}
