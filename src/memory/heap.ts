interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly value: T;
}

/** Values by time, earliest first; those of one time in the order they came. */
export class Heap<T> {
  readonly #entries: Entry<T>[] = [];
  #order = 0;

  /** When the first is due, in milliseconds since the epoch, or null where there is none. */
  get nextAt(): number | null {
    return this.#entries[0]?.at ?? null;
  }

  push(at: number, value: T): void {
    const entries = this.#entries;
    const entry = { at, order: this.#order++, value };
    let hole = entries.length;
    entries.push(entry);
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      entries[hole] = parent;
      hole = above;
    }
    entries[hole] = entry;
  }

  /** Takes the first out if it is due at `now`. */
  shift(now: number): { readonly at: number; readonly value: T } | null {
    const first = this.#entries[0];
    if (first === undefined || first.at > now) return null;
    const last = this.#entries.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    let hole = 0;
    for (;;) {
      const left = entries[2 * hole + 1];
      const right = entries[2 * hole + 2];
      const below = left && right && isBefore(right, left) ? 2 * hole + 2 : 2 * hole + 1;
      const child = entries[below];
      if (child === undefined || isBefore(entry, child)) break;
      entries[hole] = child;
      hole = below;
    }
    entries[hole] = entry;
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
