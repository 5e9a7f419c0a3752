/** How long {@link eventually} keeps trying, and how often. */
export interface Patience {
  /** Milliseconds. @default 10000 */
  readonly withinMs?: number;
  /** Milliseconds between two tries. @default 15 */
  readonly everyMs?: number;
}

/**
 * Tries until it does not throw, and gives what it returned.
 *
 * @throws what the last try threw
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 15 }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
