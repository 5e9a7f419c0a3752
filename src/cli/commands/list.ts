import { type Command, Option } from "commander";
import type { Act } from "../command.ts";
import { examples, wholeNumber } from "../command.ts";
import { RUN_STATUSES } from "../run-statuses.ts";
import { readTime } from "../text/time.ts";
import { runTable } from "../views.ts";

interface ListOptions {
  readonly status?: (typeof RUN_STATUSES)[number];
  readonly workflow?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** Adds `list`. */
export function addListCommand(program: Command, act: Act, now: () => number): void {
  const time = (text: string): string => readTime(text, now());
  program
    .command("list")
    .summary("list runs")
    .description("Lists runs, newest first, a page at a time.")
    .addOption(new Option("--status <status>", "only runs of this status").choices(RUN_STATUSES))
    .option("--workflow <name>", "only runs of this workflow")
    .option("--since <time>", "only runs created since then: 30m, 2h, 7d, 2026-07-01T12:00Z", time)
    .option("--until <time>", "only runs created before then", time)
    .option("--limit <n>", "runs on a page, 1 to 1000", wholeNumber(1, 1_000), 50)
    .option("--cursor <cursor>", "the next page, as the page before says")
    .addHelpText(
      "after",
      examples(
        "floxide list",
        "floxide list --status failed --workflow order --since 2h",
        "floxide list --json | jq -r .items[].runId",
      ),
    )
    .action(
      act((cli, _args, command) =>
        cli.withSystem(async (system) => {
          const { since, until, cursor, ...others } = command.opts<ListOptions>();
          const page = await system.listRuns({
            ...others,
            ...(since === undefined ? {} : { createdFrom: since }),
            ...(until === undefined ? {} : { createdBefore: until }),
            ...(cursor === undefined ? {} : { cursor }),
          });
          cli.answer(page, () => (page.items.length === 0 ? "" : runTable(cli, page.items)));
          if (page.items.length === 0) cli.note("no runs");
          if (page.cursor !== null) cli.note(`more: --cursor ${page.cursor}`);
        }),
      ),
    );
}
