/** The value below which the share `p` (0 to 1) of the sorted values lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Runs `total` calls with `depth` of them in flight. Latencies in milliseconds. */
export async function pipelined(
  total: number,
  depth: number,
  call: (i: number) => Promise<unknown>,
): Promise<{ readonly perSecond: number; readonly latenciesMs: readonly number[] }> {
  const latencies: number[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: depth }, async () => {
      for (let i = next++; i < total; i = next++) {
        const at = performance.now();
        await call(i);
        latencies.push(performance.now() - at);
      }
    }),
  );
  return { perSecond: (total / (performance.now() - began)) * 1_000, latenciesMs: latencies };
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
