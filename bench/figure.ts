import { median, round } from "./stats.ts";

/** How the servers are set up: one with the server's defaults, one that syncs each write, or three that keep three copies. */
export type Mode = "r1" | "fsync" | "r3";
export const MODES: readonly Mode[] = ["r1", "fsync", "r3"];

/** What was measured beside ours, in the same rounds. */
interface Beside {
  readonly name: string;
  /** Median of the rounds. */
  readonly value: number;
  /** Of each round, in their order. */
  readonly rounds: readonly number[];
  /** Ours divided by this: the median of the rounds' own ratios, so that a machine that drifts weighs on both. */
  readonly ratio: number;
}

/** One line of the report. */
export interface Figure {
  /** The scenario's letter. */
  readonly scenario: string;
  readonly mode: Mode;
  readonly what: string;
  readonly unit: string;
  /** Median of the rounds; null where it could not be measured: `note` says why. */
  readonly value: number | null;
  /** Of each round, in their order. */
  readonly rounds: readonly number[];
  readonly beside: readonly Beside[];
  /** What is wanted, in words; null where it is only reported. */
  readonly goal: string | null;
  /** Null where it is only reported, or where what it is compared with was not there. */
  readonly reached: boolean | null;
  readonly note: string | null;
}

/** A figure before it is known in which scenario and mode it was measured. */
export type Measured = Omit<Figure, "scenario" | "mode">;

/** A bound for the figure itself, or for its ratio to what stands beside it. */
export interface Bound {
  /** Which of `beside` the ratio is to. @default the figure itself is bounded */
  readonly to?: string;
  /** The figure or the ratio must not be below this. */
  readonly least?: number;
  /** The figure or the ratio must not be above this. */
  readonly most?: number;
}

/** What a scenario has measured. */
export interface Measurement {
  readonly what: string;
  readonly unit: string;
  /** Of each round, in their order. None: it could not be measured. */
  readonly rounds: readonly number[];
  /** Name and rounds of what was measured beside it. One without rounds was not there, and is left out. */
  readonly beside?: Readonly<Record<string, readonly number[]>>;
  /** All of them must hold. @default none: the figure is only reported */
  readonly bounds?: readonly Bound[];
  readonly note?: string;
}

/** Makes the report's line of what was measured. */
export function figure(measurement: Measurement): Measured {
  const { what, unit, bounds = [], note = null } = measurement;
  const rounds = measurement.rounds.map((value) => rounded(value, unit));
  const beside = Object.entries(measurement.beside ?? {})
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => besideOf(name, values, measurement.rounds, unit));
  const value = rounds.length === 0 ? null : rounded(median(rounds), unit);
  const goal = bounds.length === 0 ? null : bounds.map((bound) => inWords(bound, unit)).join("; ");
  const reached = holdAll(bounds.map((bound) => holds(bound, value, beside)));
  return { what, unit, value, rounds, beside, goal, reached, note };
}

/** The same figure held against other bounds. */
export function rejudged(measured: Measured, bounds: readonly Bound[]): Measured {
  const beside = Object.fromEntries(measured.beside.map(({ name, rounds }) => [name, rounds]));
  const { what, unit, rounds, note } = measured;
  return figure({ what, unit, rounds, beside, bounds, ...(note === null ? {} : { note }) });
}

/** A figure that could not be measured although it is wanted. */
export function missed(what: string, unit: string, note: string): Measured {
  const goal = "to be possible";
  return { what, unit, value: null, rounds: [], beside: [], goal, reached: false, note };
}

function besideOf(
  name: string,
  values: readonly number[],
  ours: readonly number[],
  unit: string,
): Beside {
  const ratios = values.map((value, i) => (ours[i] ?? Number.NaN) / value);
  return {
    name,
    value: rounded(median(values), unit),
    rounds: values.map((value) => rounded(value, unit)),
    ratio: round(median(ratios), 3),
  };
}

function holds(
  { to, least, most }: Bound,
  value: number | null,
  beside: readonly Beside[],
): boolean | null {
  if (value === null) return false;
  const judged = to === undefined ? value : beside.find(({ name }) => name === to)?.ratio;
  if (judged === undefined) return null;
  return (least === undefined || judged >= least) && (most === undefined || judged <= most);
}

/** One that fails decides; else one that could not be judged leaves it open. */
function holdAll(verdicts: readonly (boolean | null)[]): boolean | null {
  if (verdicts.includes(false)) return false;
  return verdicts.length === 0 || verdicts.includes(null) ? null : true;
}

function inWords({ to, least, most }: Bound, unit: string): string {
  const suffix = to === undefined ? ` ${unit}` : ` × ${to}`;
  const parts = [
    ...(least === undefined ? [] : [`≥ ${thousands(least)}${suffix}`]),
    ...(most === undefined ? [] : [`≤ ${thousands(most)}${suffix}`]),
  ];
  return parts.join(", ");
}

const thousands = (value: number): string => value.toLocaleString("en-US");

/** Milliseconds to the microsecond, large numbers whole, small ones to three digits. */
function rounded(value: number, unit: string): number {
  if (unit === "ms") return round(value, 3);
  return Math.abs(value) >= 100 ? round(value, 0) : Number(value.toPrecision(3));
}
