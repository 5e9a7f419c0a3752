import type { Command } from "commander";
import type { HistoryEvent } from "../../core/records/history-event.ts";
import type { RunMetrics } from "../../core/records/metrics.ts";
import type { RunError } from "../../core/records/run-error.ts";
import type { Cli } from "../cli.ts";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { oneLine } from "../text/printable.ts";
import { styleOf } from "../text/style.ts";
import { duration, relative } from "../text/time.ts";
import { pretty } from "../views.ts";

/** Adds `errors` and `metrics`. */
export function addFigureCommands(program: Command, act: Act): void {
  program
    .command("errors")
    .summary("list the failed attempts of a run")
    .description("Lists the failed attempts of a run, oldest first.")
    .argument("<runId>")
    .option("--limit <n>", "the newest so many, 1 to 1000", wholeNumber(1, 1_000), 100)
    .addHelpText(
      "after",
      examples(
        "floxide errors order-4711",
        "floxide errors order-4711 --json | jq .errors[].failure.stack",
      ),
    )
    .action(
      act((cli, [runId = ""], command) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const errors = await orchestrator.errors(runId, command.opts<{ limit: number }>());
          cli.answer({ errors }, () => (errors.length === 0 ? "" : errorTable(cli, errors)));
          if (errors.length === 0) cli.note("no failed attempts");
        }),
      ),
    );
  program
    .command("metrics")
    .summary("show counts and timings of a run")
    .description("Shows counts and timings of a run, in all and by node.")
    .argument("<runId>")
    .addHelpText("after", examples("floxide metrics order-4711"))
    .action(
      act((cli, [runId = ""]) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const metrics = await orchestrator.metrics(runId);
          cli.answer(metrics, () => metricsText(cli, metrics));
        }),
      ),
    );
}

/** Adds `context` and `history`. */
export function addPastCommands(program: Command, act: Act): void {
  program
    .command("context")
    .summary("print the context of a run")
    .description("Prints the context of a run as of its last commit, as JSON.")
    .argument("<runId>")
    .addHelpText(
      "after",
      examples("floxide context order-4711", "floxide context order-4711 --json | jq .context"),
    )
    .action(
      act((cli, [runId = ""]) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const context = await orchestrator.context(runId);
          cli.answer({ context }, () => pretty(context));
        }),
      ),
    );
  program
    .command("history")
    .summary("list what happened to a run")
    .description("Lists what happened to a run, in order.")
    .argument("<runId>")
    .option("--after <number>", "only what came after this event", wholeNumber(0), 0)
    .option("--limit <n>", "so many events, 1 to 10000", wholeNumber(1, 10_000), 1_000)
    .addHelpText(
      "after",
      examples("floxide history order-4711", "floxide history order-4711 --after 1000"),
    )
    .action(
      act((cli, [runId = ""], command) =>
        cli.of(runId).withRuns(async (orchestrator) => {
          const options = command.opts<{ after: number; limit: number }>();
          const events = await orchestrator.history(runId, options);
          cli.answer({ events }, () => (events.length === 0 ? "" : historyTable(cli, events)));
          const last = events.at(-1);
          if (last === undefined) cli.note("no events");
          else if (events.length === options.limit) cli.note(`more: --after ${last.number}`);
        }),
      ),
    );
}

function errorTable(cli: Cli, errors: readonly RunError[]): string {
  const now = cli.io.now();
  return cli.table<RunError>(
    [
      { title: "WHEN", cell: ({ failure }) => relative(failure.at, now) },
      { title: "NODE", cell: ({ failure }) => failure.node ?? "-", gives: true },
      { title: "ITEM", cell: ({ failure }) => String(failure.item ?? "-"), align: "right" },
      { title: "ATTEMPT", cell: ({ failure }) => String(failure.attempt ?? "-"), align: "right" },
      { title: "KIND", cell: ({ failure }) => failure.kind },
      { title: "RETRY", cell: ({ retryAt }) => (retryAt === null ? "no" : relative(retryAt, now)) },
      { title: "MESSAGE", cell: ({ failure }) => oneLine(failure.message), gives: true },
    ],
    errors,
  );
}

function metricsText(cli: Cli, metrics: RunMetrics): string {
  const { items, completed, failed, retries, lost, elapsedMs, nodes } = metrics;
  const figures = cli.block([
    ["run", metrics.runId, "bold"],
    ["workflow", metrics.workflow],
    ["status", metrics.status, styleOf(metrics.status)],
    ["items", `${items} (${completed} completed, ${failed} failed)`],
    ["retries", String(retries)],
    ["lost", String(lost)],
    ["elapsed", duration(elapsedMs)],
  ]);
  const rows = Object.entries(nodes);
  if (rows.length === 0) return figures;
  type Row = (typeof rows)[number];
  const number = (title: string, of: (node: Row[1]) => string) =>
    ({ title, cell: ([, node]: Row) => of(node), align: "right" }) as const;
  const byNode = cli.table<Row>(
    [
      { title: "NODE", cell: ([name]) => name, gives: true },
      number("COMPLETED", (node) => String(node.completed)),
      number("FAILED", (node) => String(node.failed)),
      number("RETRIES", (node) => String(node.retries)),
      number("TOTAL", (node) => duration(node.totalMs)),
      number("MEAN", (node) =>
        duration(node.totalMs / Math.max(1, node.completed + node.failed + node.retries)),
      ),
      number("MAX", (node) => duration(node.maxMs)),
    ],
    rows,
  );
  return `${figures}\n${byNode}`;
}

function historyTable(cli: Cli, events: readonly HistoryEvent[]): string {
  return cli.table<HistoryEvent>(
    [
      { title: "#", cell: ({ number }) => String(number), align: "right" },
      { title: "TIME", cell: ({ at }) => at },
      {
        title: "EVENT",
        cell: ({ kind }) => kind,
        style: ({ kind }) => styleOf(kind.split(".")[1] ?? ""),
      },
      { title: "NODE", cell: ({ node }) => node ?? "-", gives: true },
      { title: "ITEM", cell: ({ item }) => String(item ?? "-"), align: "right" },
      { title: "ATTEMPT", cell: ({ attempt }) => String(attempt ?? "-"), align: "right" },
      { title: "BY", cell: ({ by }) => by ?? "-", gives: true },
    ],
    events,
  );
}
