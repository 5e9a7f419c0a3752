import { cpus } from "node:os";
import type { HistoryEvent } from "../../src/index.ts";
import type { CommitLog } from "./commits.ts";
import type { Deletion } from "./deletions.ts";
import { type InjectedFault, type Recovery, recoveries } from "./recovery.ts";
import type { ChaosOptions } from "./run.ts";
import type { Stock } from "./stock.ts";
import type { Violation } from "./verdict.ts";

/** What a storm has shown. */
export interface ChaosReport {
  readonly machine: { readonly node: string; readonly cores: number; readonly cpu: string };
  readonly mode: ChaosOptions["mode"];
  readonly seed: number;
  readonly seconds: number;
  readonly ackWaitMs: number;
  readonly runs: {
    readonly accepted: number;
    readonly completed: number;
    readonly cancelled: number;
    readonly paused: number;
  };
  readonly items: number;
  readonly executions: number;
  /** Executions beyond those that the runs would have had with no fault, cancelled runs not counted. */
  readonly again: number;
  /** Executions that were written down and lost with their worker. */
  readonly lost: number;
  /** Answers that did not count, because somebody else's had. */
  readonly refused: number;
  readonly startsWhilePaused: number;
  /** Commands that took effect after their caller had given up on them, and undid a later one. */
  readonly lateCommands: number;
  readonly recoveries: readonly Recovery[];
  readonly faults: readonly InjectedFault[];
  /** What the harness could not do; it says nothing about floxide. */
  readonly troubles: readonly string[];
  readonly deletions: readonly Deletion[];
  readonly violations: readonly Violation[];
  /** What happened to the runs that are not as they must be. */
  readonly histories: Readonly<Record<string, readonly HistoryEvent[]>>;
  /** Where logs and journals are; null where nothing was wrong and they are gone. */
  readonly kept: string | null;
}

export function reportOf(parts: {
  readonly options: ChaosOptions;
  readonly durationMs: number;
  readonly ackWaitMs: number;
  readonly faults: readonly InjectedFault[];
  readonly troubles: readonly string[];
  readonly stock: Stock;
  readonly lateCommands: number;
  readonly commits: CommitLog;
  readonly violations: readonly Violation[];
  readonly deletions: readonly Deletion[];
  readonly histories: ChaosReport["histories"];
}): ChaosReport {
  const { options, stock, commits } = parts;
  const { runs, executions } = stock;
  const plans = new Map(runs.map(({ plan }) => [plan.runId, plan]));
  const ended = runs.filter(({ fence }) => fence === null);
  const undisturbed = ended.reduce((sum, { plan }) => sum + plan.executions, 0);
  const ofEnded = new Set(ended.map(({ plan }) => plan.runId));
  const times = {
    commits: (runId: string) => commits.of(runId),
    isSequence: (runId: string) => plans.get(runId)?.isSequence ?? false,
  };
  return {
    machine: { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown" },
    mode: options.mode,
    seed: options.seed,
    seconds: Math.round(parts.durationMs / 1_000),
    ackWaitMs: parts.ackWaitMs,
    runs: {
      accepted: runs.filter(({ accepted }) => accepted).length,
      completed: runs.filter(({ account }) => account?.status === "completed").length,
      cancelled: runs.filter(({ account }) => account?.status === "cancelled").length,
      paused: runs.filter(({ plan }) => plan.deed === "pause").length,
    },
    items: stock.leftovers.commits,
    executions: executions.length,
    again: executions.filter(({ run }) => ofEnded.has(run)).length - undisturbed,
    lost: stock.lost,
    refused: stock.refused,
    startsWhilePaused: stock.startsWhilePaused,
    lateCommands: parts.lateCommands,
    recoveries: recoveries(parts.faults, executions, times),
    faults: parts.faults,
    troubles: parts.troubles,
    deletions: parts.deletions,
    violations: parts.violations,
    histories: parts.histories,
    kept: null,
  };
}

/** The report for people. */
export function tableOf(report: ChaosReport): string {
  const { runs, machine, violations } = report;
  const lines = [
    `chaos, ${report.mode}, seed ${report.seed}: ${report.seconds} s on ${machine.cores} cores (${machine.cpu}), node ${machine.node}`,
    `runs        ${runs.accepted} accepted: ${runs.completed} completed, ${runs.cancelled} cancelled as told; ${runs.paused} were paused and resumed`,
    `items       ${report.items} committed, ${report.executions} executions: ${report.again} again, ${report.lost} of them known as lost; ${report.refused} answers refused; ${report.startsWhilePaused} nodes began after a pause, on workers that were cut off; ${report.lateCommands} commands came late`,
    `recovery    in ms, of runs that a fault interrupted, to their next commit; acknowledgement wait ${report.ackWaitMs}`,
    row("", ["faults", "runs", "p50", "p99", "max", "healed p50", "p99"]),
    ...report.recoveries.map(({ kind, faults, runs: hit, fromFault, fromHeal }) =>
      row(kind, [
        faults,
        hit,
        fromFault?.p50,
        fromFault?.p99,
        fromFault?.max,
        fromHeal?.p50,
        fromHeal?.p99,
      ]),
    ),
    ...seen(report.faults),
    ...report.deletions.map(
      ({ what, startSays, meanwhile, cameBack, madeByStart, runAfter, statusAfter }) =>
        `deleted     ${what}: a start is told "${startSays}", and some seconds later the run is: ${meanwhile}; back by itself: ${yes(cameBack)}, by a process that starts: ${yes(madeByStart)}; a run then: ${runAfter}, and it is: ${statusAfter}`,
    ),
    ...[...new Set(report.troubles)].map((trouble) => `harness     ${trouble}`),
    ...violations
      .slice(0, 40)
      .map((one) => `VIOLATION   ${one.what}, ${one.where}: ${JSON.stringify(one.detail)}`),
    violations.length === 0
      ? "ok          every run is exactly as it must be"
      : `FAILED      ${violations.length} violations; seed ${report.seed}; logs and journals: ${report.kept}`,
  ];
  return lines.join("\n");
}

/** What was seen of faults, the first of each kind. */
function seen(faults: readonly InjectedFault[]): string[] {
  const first = new Map<string, string>();
  for (const { kind, notes } of faults) {
    const [note] = notes;
    if (note !== undefined && !first.has(kind)) first.set(kind, note);
  }
  return [...first].map(([kind, note]) => `seen        ${kind}: ${note}`);
}

const yes = (is: boolean): string => (is ? "yes" : "no");

function row(name: string, cells: readonly (string | number | undefined)[]): string {
  return `  ${name.padEnd(18)}${cells.map((cell) => String(cell ?? "–").padStart(11)).join("")}`;
}
