/** A straight line through points, by least squares. */
export interface Slope {
  /** Rise for one unit of x. */
  readonly perUnit: number;
  /** Standard error: the true slope is within two of it about nineteen times in twenty, if points are independent. */
  readonly error: number;
  readonly points: number;
}

/** @returns null for fewer than three points, or for points that all have the same x */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): Slope | null {
  const n = points.length;
  if (n < 3) return null;
  const mean = (pick: 0 | 1) => points.reduce((sum, point) => sum + point[pick], 0) / n;
  const [mx, my] = [mean(0), mean(1)];
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  if (sxx === 0) return null;
  const perUnit = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - perUnit * (x - mx)) ** 2, 0);
  return { perUnit, error: Math.sqrt(rest / (n - 2) / sxx), points: n };
}

/**
 * Means of so many blocks of neighbouring points. One sample of memory is much like the next, so that the error of a line
 * through all of them would come out far too small; blocks that are longer than the swings are nearly independent.
 */
export function blocksOf(
  points: readonly (readonly [x: number, y: number])[],
  blocks: number,
): (readonly [x: number, y: number])[] {
  const size = Math.max(1, Math.floor(points.length / blocks));
  const count = Math.floor(points.length / size);
  return Array.from({ length: count }, (_, i) => {
    const block = points.slice(i * size, (i + 1) * size);
    const mean = (pick: 0 | 1) => block.reduce((sum, point) => sum + point[pick], 0) / block.length;
    return [mean(0), mean(1)] as const;
  });
}

/** True where the slope is above the bound even two errors lower. */
export const isClearlyAbove = ({ perUnit, error }: Slope, bound: number): boolean =>
  perUnit - 2 * error > bound;
