// What the code of nodes notes while it runs, in the process of the worker. The worker process hands it out.

/** When nodes began, in milliseconds of {@link sharedNow}. */
export const begun: number[] = [];

/** Whatever else nodes note. */
export const noted: number[] = [];

/** Milliseconds of a clock that all processes of this machine share. */
export function sharedNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

let beforeBlocking: (() => Promise<unknown>) | null = null;

/** Makes {@link blockIfWanted} block the next time it is called. @param first - what it does before */
export function blockOnce(first: () => Promise<unknown>): void {
  beforeBlocking = first;
}

/** Keeps the event loop of this process for so many milliseconds, if {@link blockOnce} wants that. */
export async function blockIfWanted(ms: number): Promise<void> {
  const first = beforeBlocking;
  beforeBlocking = null;
  if (first === null) return;
  await first();
  const until = performance.now() + ms;
  while (performance.now() < until);
}
