import type { Execution } from "../../test/support/fault-flows.ts";

/** One fault that was injected. Times are milliseconds since the epoch. */
export interface InjectedFault {
  readonly number: number;
  readonly kind: string;
  readonly target: string;
  readonly at: number;
  /** When everything was as it should be again. */
  readonly healedAt: number;
  /** Workers whose work it interrupts: their ids, or all. */
  readonly hits: readonly string[] | "all";
  /** True where another fault was there at the same time: its times say nothing of this one. */
  readonly isCrowded: boolean;
  /** What was seen on the way. */
  readonly notes: readonly string[];
}

/** How long runs that a fault interrupted stood still, in milliseconds. */
export interface Recovery {
  readonly kind: string;
  readonly faults: number;
  /** Runs that were interrupted, over all faults of the kind. */
  readonly runs: number;
  /** From the fault to the next commit of the run. */
  readonly fromFault: Spread | null;
  /** From the end of the fault, for runs that waited for it. */
  readonly fromHeal: Spread | null;
}

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What is known of the runs: when each was committed, and which are one item after the other. */
export interface RunTimes {
  commits(runId: string): readonly number[];
  isSequence(runId: string): boolean;
}

/**
 * By kind of fault: the time to the next commit of the runs whose node was being executed when the fault struck. Runs
 * with parallel items are left out: a sibling's commit would hide what was interrupted.
 */
export function recoveries(
  faults: readonly InjectedFault[],
  executions: readonly Execution[],
  times: RunTimes,
): Recovery[] {
  const sequences = executions.filter(({ run }) => times.isSequence(run));
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const ofKind = faults.filter((fault) => fault.kind === kind);
    const clear = ofKind.filter(({ isCrowded }) => !isCrowded);
    const waits = clear.flatMap((fault) => waitsOf(fault, sequences, times));
    return {
      kind,
      faults: ofKind.length,
      runs: waits.length,
      fromFault: spread(waits.map(({ fromFault }) => fromFault)),
      fromHeal: spread(waits.flatMap(({ fromHeal }) => (fromHeal === null ? [] : [fromHeal]))),
    };
  });
}

interface Wait {
  readonly fromFault: number;
  readonly fromHeal: number | null;
}

function waitsOf(fault: InjectedFault, executions: readonly Execution[], times: RunTimes): Wait[] {
  const { at, healedAt, hits } = fault;
  const interrupted = new Set<string>();
  for (const { run, worker, at: began } of executions) {
    // Nodes take milliseconds: what began long before has been committed, or is another fault's.
    if (began > at || began < at - 5_000) continue;
    if (hits !== "all" && !hits.includes(worker)) continue;
    if (!times.commits(run).some((commit) => commit >= began && commit <= at)) interrupted.add(run);
  }
  return [...interrupted].flatMap((run) => {
    const next = times.commits(run).find((commit) => commit > at);
    if (next === undefined) return [];
    return [{ fromFault: next - at, fromHeal: next > healedAt ? next - healedAt : null }];
  });
}

function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
