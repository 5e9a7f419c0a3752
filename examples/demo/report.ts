/** What the demo did, as `--json` prints it. */
export interface DemoReport {
  /** True where nothing was off. */
  readonly ok: boolean;
  readonly runs: {
    readonly total: number;
    readonly byWay: Readonly<Record<string, number>>;
    readonly byWorkflow: Readonly<Record<string, number>>;
  };
  /** Items whose completion was committed: exactly as many as expected, or there are problems. */
  readonly items: number;
  /** Executions of nodes by the workers' own ledgers; `repeated` are those that an earlier one of was lost. */
  readonly executions: { readonly begun: number; readonly repeated: number };
  readonly kill: {
    readonly workerId: string;
    readonly pid: number;
    /** Milliseconds after the first start. */
    readonly afterMs: number;
    /** Executions that the worker had begun and not answered. */
    readonly inFlight: number;
    /** Executions of its that others did again. */
    readonly again: number;
    /** Milliseconds until others had done them. */
    readonly recoveryMs: number | null;
    readonly replacement: string | null;
  } | null;
  /** Milliseconds from the first start to the last end. */
  readonly durationMs: number;
  readonly runsPerSecond: number;
  readonly itemsPerSecond: number;
  /** One sentence for each thing that is off. */
  readonly problems: readonly string[];
}

const PROBLEMS_SHOWN = 20;

/** The report for people. */
export function describe(report: DemoReport): string {
  const { runs, items, executions, kill, problems } = report;
  const lines = [
    "",
    `runs         ${runs.total}, all as expected`,
    `  by start   ${listOf(runs.byWay)}`,
    `  by kind    ${listOf(runs.byWorkflow)}`,
    `items        ${items} committed, each once`,
    `executions   ${executions.begun} begun, ${executions.repeated} of them again`,
    `time         ${seconds(report.durationMs)}: ${report.runsPerSecond} runs/s, ${report.itemsPerSecond} items/s`,
  ];
  if (kill !== null) {
    lines.push(
      `killed       ${kill.workerId} (pid ${kill.pid}) after ${seconds(kill.afterMs)}, with ${kill.inFlight} executions in hand`,
      `recovered    ${kill.again} executions done again by others, the last after ${seconds(kill.recoveryMs ?? 0)}`,
    );
  }
  if (problems.length > 0) {
    lines[1] = `runs         ${runs.total}`;
    lines.push("", `${problems.length} problems:`);
    lines.push(...problems.slice(0, PROBLEMS_SHOWN).map((problem) => `  ${problem}`));
  }
  return lines.join("\n");
}

function listOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
