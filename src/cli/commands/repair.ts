import type { Command } from "commander";
import { repairAll, total } from "../../client/all-partitions.ts";
import { FloxideError } from "../../core/errors.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { RepairOptions } from "../../orchestrator/repair.ts";
import type { RepairFinding, RepairReport } from "../../orchestrator/repair-report.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples } from "../command.ts";
import { askService } from "../start-roads.ts";
import { readDuration } from "../text/time.ts";

/** Runs that are named one by one; of more, the report says how many. */
const NAMED = 1_000;
/** How long the service may take for a repair, in milliseconds. */
const ANSWER_MS = 120_000;
/** Time between two words about how far it is, in milliseconds. */
const PROGRESS_MS = 2_000;

/** Adds `repair`. */
export function addRepairCommand(program: Command, act: Act): void {
  program
    .command("repair")
    .summary("make runs consistent, and queue again what nothing moves")
    .description(
      "Looks at every run, or at one: queues again what nothing moves any more, and has lists, figures and history say what " +
        "the checkpoint says. With --through-api the orchestrator service looks at the runs that go on. Orchestrators look at the runs that go on by themselves. After a backup was restored, or a power " +
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
      act((cli, [runId], command) => {
        const options = command.opts<RepairCommandOptions>();
        return cli.settings.throughApi
          ? throughService(cli, runId, options)
          : onJetStream(cli, runId, options);
      }),
    );
}

interface RepairCommandOptions {
  readonly quietFor?: number;
  readonly restored?: boolean;
}

function onJetStream(
  cli: Cli,
  runId: string | undefined,
  { quietFor, restored }: RepairCommandOptions,
): Promise<void> {
  const its = runId === undefined ? cli : cli.of(runId);
  const work = async (orchestrators: readonly Orchestrator[]): Promise<void> => {
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
    show(cli, await repairAll(orchestrators, options), found);
  };
  // What was not restored is made anew.
  return its.withOrchestrators(work, { create: restored === true });
}

/** The look that services have by themselves every half minute, at once. @throws FloxideError `validation` for more */
async function throughService(
  cli: Cli,
  runId: string | undefined,
  { quietFor, restored }: RepairCommandOptions,
): Promise<void> {
  if (restored === true) throw onlyDirect("--restored");
  if (quietFor !== undefined) throw onlyDirect("--quiet-for");
  if (runId !== undefined) throw onlyDirect("<runId>");
  await cli.withDoor(async (door) => {
    const asked = await Promise.all(
      cli.namespaces().map((namespace) => askService(door, "repair", {}, ANSWER_MS, namespace)),
    );
    const report = total(asked as RepairReport[]);
    cli.answer(report, () => countsOf(cli, report));
    if (mendedOf(report) === 0) cli.note("nothing to mend");
  });
}

const onlyDirect = (what: string): FloxideError =>
  new FloxideError(
    "validation",
    `repair ${what} works on JetStream itself: use a user of the role orchestrator, without --through-api`,
  );

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
    const block = countsOf(cli, report);
    return found.length === 0 ? block : `${block}\n${findingTable(cli, found)}`;
  });
  if (mendedOf(report) === 0) cli.note("nothing to mend");
  else if (found.length === NAMED) cli.note(`the first ${NAMED} runs are shown`);
}

const countsOf = (cli: Cli, report: RepairReport): string =>
  cli.block(Object.entries(report).map(([name, count]) => [name, String(count)] as const));

function mendedOf({ runs, starts, projections, restored, lost, unreadable }: RepairReport): number {
  return runs + starts + projections + restored + lost + unreadable;
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
  restored: "begun anew from its checkpoint",
  refiled: "lists, figures or history said something else",
  lost: "nothing is left of it: it has failed, and can be started again",
  removed: "its start request was never sent: off the list",
  unreadable: "its checkpoint cannot be read: left as it is",
};
