import type { Kept, Sample } from "./sample.ts";
import { blocksOf, isClearlyAbove, type Slope, slopeOf } from "./slope.ts";

/** How the memory of a process went, from the end of the warm-up on. */
export interface Growth {
  readonly series: string;
  readonly firstMiB: number;
  readonly lastMiB: number;
  /** In MiB an hour; null where there are too few samples. */
  readonly slope: Slope | null;
  /** MiB an hour that it may grow. */
  readonly bound: number;
  /** False where the time was too short to say. */
  readonly isJudged: boolean;
  readonly isTooMuch: boolean;
}

const MIB = 1024 * 1024;
const BLOCKS = 12;
/** Seconds after the warm-up below which no growth is called too much: heaps take minutes to find their size. */
const ENOUGH_SECONDS = 600;

/** @param warmUp - seconds that are not counted */
export function growthOf(samples: readonly Sample[], warmUp: number, bound: number): Growth[] {
  const counted = samples.filter(({ at }) => at >= warmUp);
  const names = [...new Set(counted.flatMap(({ memory }) => Object.keys(memory)))];
  return names.map((series) => {
    const points = counted.flatMap(({ at, memory }) => {
      const bytes = memory[series];
      return bytes === undefined ? [] : [[at / 3_600, bytes / MIB] as const];
    });
    const slope = slopeOf(blocksOf(points, BLOCKS));
    const isEnough = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0) >= ENOUGH_SECONDS / 3_600;
    return {
      series,
      firstMiB: points[0]?.[1] ?? Number.NaN,
      lastMiB: points.at(-1)?.[1] ?? Number.NaN,
      slope,
      bound,
      isJudged: isEnough,
      isTooMuch: isEnough && slope !== null && isClearlyAbove(slope, bound),
    };
  });
}

/**
 * What is there at the end and was not at the beginning.
 *
 * @param allowed - messages, by stream, that may have stayed
 */
export function leftBehind(
  before: Readonly<Record<string, Kept>>,
  after: Readonly<Record<string, Kept>>,
  allowed: Readonly<Record<string, number>>,
): string[] {
  const found: string[] = [];
  for (const [stream, now] of Object.entries(after)) {
    const then = before[stream] ?? { messages: 0, subjects: 0, bytes: 0, consumers: 0 };
    const extra = allowed[stream] ?? 0;
    for (const what of ["messages", "subjects"] as const) {
      if (now[what] > then[what] + extra)
        found.push(`${stream}: ${now[what]} ${what}, ${then[what]} at first`);
    }
    if (now.consumers > then.consumers) {
      found.push(`${stream}: ${now.consumers} consumers, ${then.consumers} at first`);
    }
  }
  return found;
}
