import { execFileSync } from "node:child_process";
import { cpus, release, type as system, totalmem } from "node:os";
import { findNatsServer } from "../src/jetstream/server/find.ts";
import type { Figure, Mode } from "./figure.ts";

/** All that one call of the benchmark has found: the document that `--json` prints. */
export interface Report {
  /** When it began, as an ISO time. */
  readonly at: string;
  readonly machine: Machine;
  /** What `nats-server --version` says. */
  readonly server: string;
  /** What was measured beside floxide, or why not. */
  readonly peer: string;
  readonly mode: Mode;
  readonly rounds: number;
  /** Below 1 the figures are no measure of anything. */
  readonly scale: number;
  readonly figures: readonly Figure[];
  /** Scenarios that ended with an error. */
  readonly failed: readonly { readonly scenario: string; readonly error: string }[];
}

interface Machine {
  readonly node: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly system: string;
}

export function thisMachine(): Machine {
  return {
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    system: `${system()} ${release()}`,
  };
}

/** What the nats-server that is used says of its version. */
export async function serverVersion(): Promise<string> {
  const { path } = await findNatsServer({ env: process.env });
  return execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
}

/** The report for people, one line a figure. */
export function* inLines(report: Report): Generator<string> {
  const { machine, server, rounds, scale } = report;
  yield `node ${machine.node}, ${server}, ${machine.cores} cores (${machine.cpu}), medians of ${rounds} rounds`;
  yield report.peer;
  if (scale < 1) yield `--scale ${scale} is for trying: these figures measure nothing`;
  for (const figure of report.figures) yield lineOf(figure);
  for (const { scenario, error } of report.failed) yield `FAILED ${scenario}  ${error}`;
}

function lineOf(figure: Figure): string {
  const { scenario, mode, what, unit, value, rounds, beside, goal, note } = figure;
  const mark = figure.reached === null ? "    " : figure.reached ? "ok  " : "MISS";
  const where = mode === "r1" ? scenario : `${scenario} (${mode})`;
  const spread =
    rounds.length < 2 ? "" : ` (${said(Math.min(...rounds))}–${said(Math.max(...rounds))})`;
  const median = value === null ? "–" : `${said(value)} ${unit}${spread}`;
  const compared = beside.map(
    (one) => `, ${one.name} ${said(one.value)}: ratio ${said(one.ratio)}`,
  );
  const wanted = goal === null ? "" : `  [${goal}]`;
  return `${mark} ${where}  ${what}: ${median}${compared.join("")}${wanted}${note === null ? "" : `  ${note}`}`;
}

const said = (value: number): string => value.toLocaleString("en-US");
