import type { Verdict } from "./door.ts";

/** Something that must not be: a fault, a hang, a process that ended. */
export interface Finding {
  readonly door: string;
  readonly what: "fault" | "hang" | "crash";
  /** Seed of the batch, and the case in it; -1 where that is not known. */
  readonly seed: number;
  readonly index: number;
  readonly shown: string;
  readonly why: string;
}

/** What trying one door came to. */
export interface Tally {
  readonly door: string;
  cases: number;
  readonly verdicts: Partial<Record<Verdict, number>>;
  crashes: number;
  hangs: number;
  faults: number;
  longestMs: number;
  /** Largest growth of the heap from the first batch on, in bytes. */
  heapGrowthBytes: number;
  seconds: number;
}

export const newTally = (door: string): Tally => ({
  door,
  cases: 0,
  verdicts: {},
  crashes: 0,
  hangs: 0,
  faults: 0,
  longestMs: 0,
  heapGrowthBytes: 0,
  seconds: 0,
});

/** The tallies as a table for people. */
export function tableOf(tallies: readonly Tally[]): string {
  const rows = tallies.map((tally) => [
    tally.door,
    tally.cases.toLocaleString("en"),
    (tally.verdicts.accepted ?? 0).toLocaleString("en"),
    refusals(tally),
    String(tally.faults),
    String(tally.crashes),
    String(tally.hangs),
    `${Math.round(tally.longestMs)} ms`,
    `${(tally.heapGrowthBytes / 2 ** 20).toFixed(0)} MiB`,
    Math.round(tally.cases / Math.max(tally.seconds, 0.001)).toLocaleString("en"),
  ]);
  const head = [
    "door",
    "cases",
    "accepted",
    "refused",
    "faults",
    "crashes",
    "hangs",
    "longest",
    "heap +",
    "cases/s",
  ];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function refusals({ verdicts }: Tally): string {
  const refused = Object.entries(verdicts).filter(([verdict]) => verdict !== "accepted");
  refused.sort(([, a], [, b]) => b - a);
  return refused.map(([code, count]) => `${code} ${count.toLocaleString("en")}`).join(", ");
}

/** A finding with the words that try it again. */
export function describe({ door, what, seed, index, shown, why }: Finding): string {
  return [
    `${what} at the door "${door}", seed ${seed}, case ${index}`,
    `  again: npm run fuzz -- --door ${door} --seed ${seed} --cases 1`,
    `  case: ${shown}`,
    `  ${why.replaceAll("\n", "\n  ")}`,
  ].join("\n");
}
