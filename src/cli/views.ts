import type { Failure } from "../core/failure.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import type { WorkItem } from "../orchestrator/inspect.ts";
import type { Cli } from "./cli.ts";
import { oneLine, printableJson } from "./text/printable.ts";
import { styleOf } from "./text/style.ts";
import { duration, relative } from "./text/time.ts";

/** When the run ended, or null while it goes on. */
const endOf = (info: RunInfo): string | null =>
  "finishedAt" in info ? String(info.finishedAt) : null;

/** How long the run took, or has taken so far. */
function took(info: RunInfo, now: number): string {
  const end = endOf(info);
  return duration(Math.max(0, (end === null ? now : Date.parse(end)) - Date.parse(info.createdAt)));
}

/** A failure on one line: where, and what. */
function failureLine({ node, attempt, name, message }: Failure): string {
  const where = node === null ? "" : `${node}${attempt === null ? "" : `, attempt ${attempt}`}: `;
  return oneLine(`${where}${name === "Error" ? "" : `${name}: `}${message}`);
}

/** A run for people. */
export function runBlock(cli: Cli, info: RunInfo): string {
  const now = cli.io.now();
  const end = endOf(info);
  const version = info.version === 0 ? "" : ` v${info.version}`;
  const { namespace, partOf } = cli.of(info.runId).settings;
  return cli.block([
    ["run", info.runId, "bold"],
    ...(partOf === null ? [] : [["partition", namespace] as const]),
    ["workflow", `${info.workflow}${version}`],
    ["status", info.status, styleOf(info.status)],
    ...(end === null && info.revision === 0 ? [["taken", "not yet"] as const] : []),
    ["created", `${info.createdAt} (${relative(info.createdAt, now)})`],
    ...(end === null ? [] : [["ended", `${end} (${relative(end, now)})`] as const]),
    [end === null ? "so far" : "took", took(info, now)],
    ...(info.status === "completed" ? [["output", JSON.stringify(info.output)] as const] : []),
    ...(info.status === "failed" ? [["failure", failureLine(info.failure), "red"] as const] : []),
  ]);
}

/** Runs for people. */
export function runTable(cli: Cli, runs: readonly RunInfo[]): string {
  const now = cli.io.now();
  return cli.table<RunInfo>(
    [
      { title: "RUN", cell: ({ runId }) => runId },
      { title: "WORKFLOW", cell: ({ workflow }) => workflow, gives: true },
      { title: "STATUS", cell: ({ status }) => status, style: ({ status }) => styleOf(status) },
      { title: "CREATED", cell: ({ createdAt }) => relative(createdAt, now) },
      { title: "TOOK", cell: (info) => took(info, now), align: "right" },
    ],
    runs,
  );
}

/** Work items for people. */
export function itemTable(cli: Cli, items: readonly WorkItem[]): string {
  const now = cli.io.now();
  return cli.table<WorkItem>(
    [
      { title: "ITEM", cell: ({ item }) => String(item), align: "right" },
      { title: "NODE", cell: ({ node }) => node, gives: true },
      { title: "STATE", cell: ({ state }) => state, style: ({ state }) => styleOf(state) },
      { title: "ATTEMPT", cell: ({ attempt }) => String(attempt), align: "right" },
      { title: "WAITS FOR", cell: ({ waitsFor }) => waitsFor ?? "-", gives: true },
      {
        title: "NOT BEFORE",
        cell: ({ notBefore }) => (notBefore === null ? "-" : relative(notBefore, now)),
      },
      {
        title: "LAST FAILURE",
        cell: ({ failure }) => (failure === null ? "-" : oneLine(failure.message)),
        gives: true,
      },
    ],
    items,
  );
}

/** JSON for people. */
export const pretty = (value: unknown): string => `${printableJson(value, 2)}\n`;
