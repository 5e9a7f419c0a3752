import type { Command } from "commander";
import type { Backlog } from "../../core/ports/work-queue.ts";
import type { DeadLetter } from "../../core/records/dead-letter.ts";
import { livenessOf } from "../../core/records/liveness.ts";
import type { WorkerHealth } from "../../orchestrator/inspect.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import type { LetterQuery, Placed } from "../system.ts";
import { oneLine } from "../text/printable.ts";
import { styleOf } from "../text/style.ts";
import type { Column } from "../text/table.ts";
import { duration, readDuration, relative } from "../text/time.ts";
import { itemTable } from "../views.ts";

/** Adds `pending` and `items`. */
export function addQueueCommands(program: Command, act: Act): void {
  program
    .command("pending")
    .summary("show what waits, of a run or in the whole queue")
    .description(
      "Shows what waits: of one run, or without a run what waits in the queue by workflow.",
    )
    .argument("[runId]")
    .addHelpText("after", examples("floxide pending", "floxide pending order-4711"))
    .action(
      act((cli, [runId]) => {
        if (runId === undefined) return showBacklog(cli);
        return cli.of(runId).withRuns(async (orchestrator) => {
          const pending = await orchestrator.pendingWork(runId);
          const { accepted, queued, items } = pending;
          cli.answer(pending, () => {
            const head = cli.block([
              ["run", runId, "bold"],
              ["taken", accepted ? "not yet: no worker has taken its start request" : "yes"],
              ["in queue", `${queued} ${queued === 1 ? "message" : "messages"}`],
              ["items", String(items.length)],
            ]);
            return items.length === 0 ? head : `${head}\n${itemTable(cli, items)}`;
          });
        });
      }),
    );
  program
    .command("items")
    .summary("list the work items of a run that have not ended")
    .description("Lists the work items of a run that have not ended.")
    .argument("<runId>")
    .addHelpText("after", examples("floxide items order-4711"))
    .action(
      act((cli, [runId = ""]) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const items = await orchestrator.listWorkItems(runId);
          cli.answer({ items }, () => (items.length === 0 ? "" : itemTable(cli, items)));
          if (items.length === 0) cli.note("no items");
        }),
      ),
    );
}

/** Adds `workers` and `dead-letters`. */
export function addSystemCommands(program: Command, act: Act): void {
  program
    .command("workers")
    .summary("list the workers")
    .description("Lists the workers with what they said last, and how alive they are.")
    .option(
      "--threshold <duration>",
      "stale after so long without a heartbeat (or half as long again as the worker said, where that is more), dead after three times that",
      readDuration,
      15_000,
    )
    .addHelpText("after", examples("floxide workers", "floxide workers --threshold 1m --json"))
    .action(
      act((cli, _args, command) =>
        cli.withSystem(async (system) => {
          const { threshold } = command.opts<{ threshold: number }>();
          const workers = (await system.listWorkerHealth()).map((worker) => ({
            ...worker,
            liveness: livenessOf(worker, Date.parse(worker.at) + worker.ageMs, threshold),
          }));
          cli.answer({ workers }, () => (workers.length === 0 ? "" : workerTable(cli, workers)));
          if (workers.length === 0) cli.note("no workers");
          else
            for (const partition of unserved(cli, workers))
              cli.note(`no live worker in partition ${partition}`);
        }),
      ),
    );
  program
    .command("dead-letters")
    .summary("list messages that could not be taken")
    .description("Lists messages that could not be taken, newest first, with why.")
    .option("--limit <n>", "so many, 1 to 1000", wholeNumber(1, 1_000), 50)
    .option("--before <id>", "only letters older than this one", wholeNumber(1))
    .option("--cursor <cursor>", "with --partitions: the next page, as the page before says")
    .addHelpText(
      "after",
      examples("floxide dead-letters", "floxide dead-letters --json | jq -r .letters[].body"),
    )
    .action(
      act((cli, _args, command) =>
        cli.withSystem(async (system) => {
          const { items: letters, cursor } = await system.deadLetters(command.opts<LetterQuery>());
          const isPartitioned = cli.settings.partitions !== null;
          const document = isPartitioned ? { letters, cursor } : { letters };
          cli.answer(document, () => (letters.length === 0 ? "" : letterTable(cli, letters)));
          if (letters.length === 0) cli.note("no dead letters");
          if (cursor === null) return;
          cli.note(`more: ${isPartitioned ? "--cursor" : "--before"} ${cursor}`);
        }),
      ),
    );
}

function showBacklog(cli: Cli): Promise<void> {
  return cli.withSystem(async (system) => {
    const backlog = await system.backlog();
    cli.answer({ backlog }, () => (backlog.length === 0 ? "" : backlogTable(cli, backlog)));
    if (backlog.length === 0) cli.note("no workflow has had work yet");
  });
}

/** Numbers of partitions in which nobody works. */
function unserved(
  { settings }: Cli,
  workers: readonly Placed<Pick<WorkerHealth, "liveness">>[],
): readonly number[] {
  const alive = workers.filter(({ liveness }) => liveness === "alive");
  const served = new Set(alive.map(({ partition }) => partition));
  const all = Array.from({ length: settings.partitions ?? 0 }, (_, partition) => partition);
  return all.filter((partition) => !served.has(partition));
}

/** Which partition it is of, where there are some. */
function partitionColumn(cli: Cli): readonly Column<Placed<object>>[] {
  if (cli.settings.partitions === null) return [];
  return [{ title: "PARTITION", cell: ({ partition }) => String(partition), align: "right" }];
}

function backlogTable(cli: Cli, backlog: readonly Backlog[]): string {
  return cli.table<Backlog>(
    [
      { title: "WORKFLOW", cell: ({ workflow }) => workflow },
      { title: "STARTS", cell: ({ starts }) => String(starts), align: "right" },
      { title: "ITEMS", cell: ({ items }) => String(items), align: "right" },
      { title: "IN FLIGHT", cell: ({ inFlight }) => String(inFlight), align: "right" },
    ],
    backlog,
  );
}

function workerTable(cli: Cli, workers: readonly Placed<WorkerHealth>[]): string {
  return cli.table<Placed<WorkerHealth>>(
    [
      { title: "WORKER", cell: ({ workerId }) => workerId, gives: true },
      ...partitionColumn(cli),
      {
        title: "LIVENESS",
        cell: ({ liveness }) => liveness,
        style: ({ liveness }) => styleOf(liveness),
      },
      { title: "STATUS", cell: ({ status }) => status, style: ({ status }) => styleOf(status) },
      {
        title: "RUNNING",
        cell: ({ running, concurrency }) => `${running}/${concurrency}`,
        align: "right",
      },
      { title: "DONE", cell: ({ completed }) => String(completed), align: "right" },
      { title: "ERRORS", cell: ({ errors }) => String(errors), align: "right" },
      { title: "SEEN", cell: ({ ageMs }) => `${duration(ageMs)} ago` },
      { title: "LAG", cell: ({ load }) => duration(load.eventLoopLagMs), align: "right" },
      {
        title: "MEMORY",
        cell: ({ load }) => `${Math.round(load.rssBytes / 2 ** 20)} MiB`,
        align: "right",
      },
      {
        title: "WORKFLOWS",
        cell: ({ workflows }) =>
          workflows.map(({ name, version }) => `${name} v${version}`).join(", "),
        gives: true,
      },
    ],
    workers,
  );
}

/** What a body that nobody could take says of its run: a word of whoever sent it, not a fact. */
function claimOf({ body }: DeadLetter): string | null {
  try {
    const { runId } = JSON.parse(body) as { readonly runId?: unknown };
    return typeof runId === "string" && runId !== "" ? `says ${runId}` : null;
  } catch {
    return null;
  }
}

function letterTable(cli: Cli, letters: readonly Placed<DeadLetter>[]): string {
  const now = cli.io.now();
  return cli.table<Placed<DeadLetter>>(
    [
      ...partitionColumn(cli),
      { title: "ID", cell: ({ id }) => String(id), align: "right" },
      { title: "WHEN", cell: ({ at }) => relative(at, now) },
      { title: "WORKFLOW", cell: ({ workflow }) => workflow, gives: true },
      { title: "RUN", cell: (letter) => letter.runId ?? claimOf(letter) ?? "-", gives: true },
      { title: "CODE", cell: ({ code }) => code },
      { title: "REASON", cell: ({ reason }) => oneLine(reason), gives: true },
    ],
    letters,
  );
}
