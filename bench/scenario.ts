import type { Measured, Mode } from "./figure.ts";

/** What every scenario is given. Servers, workers and clients it starts itself: see `system.ts`. */
export interface Bench {
  /** How the servers are set up. */
  readonly mode: Mode;
  /** Measurements of each figure, at least one; the median counts. */
  readonly rounds: number;
  /** 1 for measuring; less makes every size smaller, for trying. */
  readonly scale: number;
  /** How wide the forks of C are, ascending. */
  readonly widths: readonly number[];
  /** A line about how far it is. */
  readonly say: (line: string) => void;
}

/** One workload, and what is measured of it. */
export interface Scenario {
  /** Its letter: what `--only` names. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly title: string;
  /** True where it takes so long that it is only run when `--only` names it. @default false */
  readonly isLong?: boolean;
  /** @returns its figures; those without a mode were measured in the bench's */
  run(bench: Bench): Promise<readonly (Measured & { readonly mode?: Mode })[]>;
}

/** A size as it is for measuring, made smaller by the scale. @param least - what it is at least @default 1 */
export function sized(bench: Pick<Bench, "scale">, full: number, least = 1): number {
  return Math.max(least, Math.round(full * bench.scale));
}

/** Measures round after round. The first warms everything up and is thrown away. */
export async function inRounds<T>(
  bench: Pick<Bench, "rounds" | "say">,
  measure: (round: number) => Promise<T>,
): Promise<readonly T[]> {
  const measured: T[] = [];
  for (let round = 0; round <= bench.rounds; round++) {
    bench.say(round === 0 ? "warm-up" : `round ${round} of ${bench.rounds}`);
    const result = await measure(round);
    if (round > 0) measured.push(result);
  }
  return measured;
}

/** Measures of one round. */
type Sides = Readonly<Record<string, () => Promise<unknown>>>;
type Results<S extends Sides> = { readonly [K in keyof S]: Awaited<ReturnType<S[K]>> };

/** Takes each measure once. Who comes first changes from round to round: a machine that drifts is not to favour one. */
export async function inTurns<S extends Sides>(round: number, sides: S): Promise<Results<S>> {
  const names = Object.keys(sides);
  const turned = [...names.slice(round % names.length), ...names.slice(0, round % names.length)];
  const results: Record<string, unknown> = {};
  for (const name of turned) results[name] = await sides[name]?.();
  return results as Results<S>;
}
