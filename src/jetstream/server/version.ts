/** Message schedules, on which every delay of the engine rests, came with this release. */
export const MIN_VERSION = "2.12.0";

/** Reads what `nats-server --version` prints: `nats-server: v2.15.1` gives `2.15.1`. */
export function parseVersion(output: string): string | null {
  return /nats-server: v?(\d+\.\d+\.\d+\S*)/.exec(output)?.[1] ?? null;
}

/**
 * Orders two versions by their three numbers; what follows them (`-RC.1`, `-dev`) does not count.
 *
 * @returns negative, zero or positive, as `Array.prototype.sort` wants it.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (const [index, number] of left.entries()) {
    const difference = number - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** True for {@link MIN_VERSION} and all that came after it. */
export function isNewEnough(version: string): boolean {
  return compareVersions(version, MIN_VERSION) >= 0;
}

function numbersOf(version: string): number[] {
  return version
    .split(/[-+]/, 1)
    .join("")
    .split(".")
    .map((part) => Number.parseInt(part, 10) || 0);
}
