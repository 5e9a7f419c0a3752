/** Where time and chance come from, so that a test can hold both. */
export interface Clock {
  /** Milliseconds since the epoch. May jump, as the machine's clock may. */
  now(): number;
  /** Milliseconds from a beginning of its own, with fractions: for measuring, because it never jumps. */
  elapsed(): number;
  /** At least 0, less than 1. */
  random(): number;
  /**
   * Calls `run` once, not before `ms` milliseconds have passed.
   *
   * @returns how to take it back
   */
  after(ms: number, run: () => void, options?: TimerOptions): () => void;
}

/** How a timer behaves. */
export interface TimerOptions {
  /** True for upkeep that must not keep the process alive. @default false */
  readonly background?: boolean;
}

/** The longest that `setTimeout` waits, in milliseconds: beyond it, it would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own. Waits beyond 24.8 days fire early: who waits that long looks at the clock again. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => Math.random(),
  after: (ms, run, options) => {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMEOUT_MS));
    if (options?.background === true) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Calls `run` again and again, each time `ms` milliseconds after the last. @returns how to stop */
export function every(
  clock: Clock,
  ms: number,
  run: () => void,
  options?: TimerOptions,
): () => void {
  let cancel = clock.after(ms, tick, options);
  function tick(): void {
    cancel = clock.after(ms, tick, options);
    run();
  }
  return () => cancel();
}

/** Waits so long, or until the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, done);
    function done(): void {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Waits for the work, but no longer than that. What is thrown meanwhile is thrown; what comes later is dropped. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

/** A stored time. */
export function iso(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

// Most times that are written are of one moment: text is made of it once.
let lastMs = 0;
let lastText = new Date(0).toISOString();
