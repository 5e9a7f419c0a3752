import { setTimeout as pause } from "node:timers/promises";

/** The value below which the share `p` (0 to 1) of the sorted values lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** What {@link pipelined} gives. */
export interface Pipelined {
  readonly perSecond: number;
  /** Of each call, in milliseconds. */
  readonly latenciesMs: readonly number[];
}

/** Runs `total` calls with `depth` of them in flight. @param pauseMs - before each; it is no part of the latency */
export async function pipelined(
  total: number,
  depth: number,
  call: (i: number) => Promise<unknown>,
  pauseMs = 0,
): Promise<Pipelined> {
  const latencies: number[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: depth }, async () => {
      for (let i = next++; i < total; i = next++) {
        if (pauseMs > 0) await pause(pauseMs);
        const at = performance.now();
        await call(i);
        latencies.push(performance.now() - at);
      }
    }),
  );
  return { perSecond: (total / (performance.now() - began)) * 1_000, latenciesMs: latencies };
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
