/**
 * Things that come and go by the thousand a second, each in a place of its own.
 *
 * A `Map` or a `Set` would be the wrong home for them. Whenever V8 makes room in one, the table that it had goes on referring to
 * all that was in it, and to the table that comes after. Once one such table has lived long enough to be left to the
 * collector of old objects, it keeps all later ones alive, with what they held, until that collector runs: nearly all that a
 * worker makes is then copied twice instead of being dropped.
 */
export class Places<T extends object> {
  readonly #things: (T | null)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#things.length - this.#free.length;
  }

  /** @returns the place of the thing, until it leaves: a whole number from 0 on */
  enter(thing: T): number {
    const place = this.#free.pop() ?? this.#things.length;
    this.#things[place] = thing;
    return place;
  }

  /** What is in that place; null where nothing is. */
  at(place: number): T | null {
    return this.#things[place] ?? null;
  }

  leave(place: number): void {
    if (this.at(place) === null) return;
    this.#things[place] = null;
    this.#free.push(place);
  }

  /** All that are here now, in no order. */
  all(): T[] {
    return this.#things.filter((thing) => thing !== null);
  }
}
