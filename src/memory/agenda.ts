import type { Clock } from "../core/clock.ts";
import { Heap } from "./heap.ts";

/**
 * What a server would do by itself when its time comes: redeliver, release, expire.
 *
 * Whoever looks at the state calls {@link settle} first, so nobody sees a thing overdue. A timer runs only while
 * somebody waits to be called ({@link watch}): a world that nobody looks at keeps no process alive.
 */
export class Agenda {
  readonly #clock: Clock;
  readonly #heap = new Heap<() => void>();
  #watchers = 0;
  #armedFor: number | null = null;
  #disarm: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Plans a call. @param atMs - milliseconds since the epoch; one that has passed is due at the next look */
  at(atMs: number, run: () => void): void {
    this.#heap.push(atMs, run);
    this.#arm();
  }

  /** Does all that is due. */
  settle(): void {
    for (;;) {
      const due = this.#heap.shift(this.#clock.now());
      if (due === null) return;
      due.value();
    }
  }

  /** Keeps a timer for what comes next. @returns how to let go of it */
  watch(): () => void {
    this.#watchers += 1;
    this.#arm();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#rest();
    };
  }

  #arm(): void {
    const { nextAt } = this.#heap;
    if (this.#watchers === 0 || nextAt === null) return;
    if (this.#armedFor !== null && this.#armedFor <= nextAt) return;
    this.#rest();
    this.#armedFor = nextAt;
    this.#disarm = this.#clock.after(Math.max(0, nextAt - this.#clock.now()), () => {
      this.#armedFor = null;
      this.settle();
      this.#arm();
    });
  }

  #rest(): void {
    this.#disarm();
    this.#armedFor = null;
  }
}
