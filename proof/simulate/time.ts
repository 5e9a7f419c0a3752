import type { Clock } from "../../src/core/clock.ts";
import { Heap } from "../../src/memory/heap.ts";

/** 2026-01-01T00:00:00Z */
const BEGIN_MS = Date.UTC(2026, 0, 1);

interface Timer {
  run: (() => void) | null;
  /** Whose timer it is: one of a process that is dead or stands still does not fire. */
  readonly owner: Sleeper | null;
}

/** Something whose timers may have to wait. */
export interface Sleeper {
  readonly isDead: boolean;
  readonly isStalled: boolean;
  /** Takes a timer that came due while it stood still. */
  missed(run: () => void): void;
}

/** The time of a simulated world. It moves only when the scheduler says so. */
export class SimTime {
  readonly #timers = new Heap<Timer>();
  now = BEGIN_MS;

  at(ms: number, run: () => void, owner: Sleeper | null = null): () => void {
    const timer: Timer = { run, owner };
    this.#timers.push(Math.max(ms, this.now), timer);
    return () => {
      timer.run = null;
    };
  }

  /** Milliseconds since the world began. */
  get sinceBegin(): number {
    return this.now - BEGIN_MS;
  }

  /** When the next timer fires, in milliseconds since the epoch; null where none waits. */
  get nextAt(): number | null {
    return this.#timers.nextAt;
  }

  /** Moves to the next timer and fires it. @returns false where none waits */
  advance(): boolean {
    for (;;) {
      const due = this.#timers.shift(Number.POSITIVE_INFINITY);
      if (due === null) return false;
      const { run, owner } = due.value;
      if (run === null || owner?.isDead === true) continue;
      this.now = Math.max(this.now, due.at);
      if (owner?.isStalled === true) owner.missed(run);
      else run();
      return true;
    }
  }
}

/** The clock of one process: off by `skewMs` from the world's time. */
export function clockOf(
  time: SimTime,
  owner: Sleeper | null,
  random: () => number,
  skewMs = 0,
): Clock {
  return {
    now: () => time.now + skewMs,
    elapsed: () => time.sinceBegin,
    random,
    after: (ms, run) => time.at(time.now + Math.max(0, ms), run, owner),
  };
}
