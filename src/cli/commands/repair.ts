import type { Command } from "commander";
import type { RepairOptions } from "../../orchestrator/repair.ts";
import type { RepairFinding, RepairReport } from "../../orchestrator/repair-report.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import { readDuration } from "../text/time.ts";

/** Runs that are named one by one; of more, the report says how many. */
const NAMED = 1_000;
/** Time between two words about how far it is, in milliseconds. */
const PROGRESS_MS = 2_000;

/** Adds `repair`. */
export function addRepairCommand(program: Command, act: Act): void {
  program
    .command("repair")
    .summary("make runs consistent, and queue again what nothing moves")
    .description(
      "Looks at every run, or at one: queues again what nothing moves any more, and has lists, figures and history say what " +
        "the checkpoint says. Orchestrators look at the runs that go on by themselves. After a backup was restored, or a power " +
        "cut took the last writes, stop the workers, repair with --restored, and start them again.",
    )
    .argument("[runId]")
    .option(
      "--restored",
      "the stores came back older than they were: begin every run that goes on anew from its checkpoint, and give up what has none",
    )
    .option(
      "--quiet-for <duration>",
      "look at runs without a commit for so long (default: twice the acknowledgement wait; 0s with --restored)",
      readDuration,
    )
    .addHelpText(
      "after",
      examples("floxide repair", "floxide repair order-4711", "floxide repair --restored --json"),
    )
    .action(
      act((cli, [runId], command) =>
        cli.withOrchestrator(async (orchestrator) => {
          const { quietFor, restored } = command.opts<{ quietFor?: number; restored?: boolean }>();
          const found: RepairFinding[] = [];
          const options: RepairOptions = {
            ...(runId === undefined ? { all: true } : { runId }),
            ...(quietFor === undefined ? {} : { quietMs: quietFor }),
            restored: restored === true,
            onProgress: progressOf(cli),
            onFound: (finding) => {
              if (found.length < NAMED) found.push(finding);
            },
          };
          show(cli, await orchestrator.repair(options), found);
        }),
      ),
    );
}

/** Says now and then how far it is. */
function progressOf(cli: Cli): (report: RepairReport) => void {
  let saidAt = cli.io.now();
  return ({ looked, runs, projections, lost }) => {
    if (cli.io.now() - saidAt < PROGRESS_MS) return;
    saidAt = cli.io.now();
    cli.note(
      `looked at ${looked} runs: ${runs} queued again, ${projections} refiled, ${lost} lost`,
    );
  };
}

function show(cli: Cli, report: RepairReport, found: readonly RepairFinding[]): void {
  cli.answer({ ...report, found }, () => {
    const counts = Object.entries(report).map(([name, count]) => [name, String(count)] as const);
    const block = cli.block(counts);
    return found.length === 0 ? block : `${block}\n${findingTable(cli, found)}`;
  });
  const { runs, starts, projections, restored, lost, unreadable } = report;
  const mended = runs + starts + projections + restored + lost + unreadable;
  if (mended === 0) cli.note("nothing to mend");
  else if (found.length === NAMED) cli.note(`the first ${NAMED} runs are shown`);
}

function findingTable(cli: Cli, found: readonly RepairFinding[]): string {
  return cli.table<RepairFinding>(
    [
      { title: "RUN", cell: ({ runId }) => runId, gives: true },
      { title: "WORKFLOW", cell: ({ workflow }) => workflow ?? "-", gives: true },
      {
        title: "WHAT",
        cell: ({ what }) => what,
        style: ({ what }) => (what === "lost" || what === "unreadable" ? "red" : undefined),
      },
      { title: "ITEMS", cell: ({ items }) => String(items), align: "right" },
      { title: "MEANS", cell: ({ what }) => MEANS[what], gives: true },
    ],
    found,
  );
}

const MEANS: Readonly<Record<RepairFinding["what"], string>> = {
  requeued: "items had no message",
  restored: "came back older: goes on from its checkpoint",
  refiled: "lists, figures or history said something else",
  lost: "nothing is left of it: it has failed, and can be started again",
  removed: "its start request was never sent: off the list",
  unreadable: "its checkpoint cannot be read: left as it is",
};
