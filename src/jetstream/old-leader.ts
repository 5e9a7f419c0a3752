import type { Clock } from "../core/clock.ts";

/** After this a leader that does not know of a write has lost it: one that was cut off steps down after ten seconds. */
const OLD_LEADER_MS = 15_000;

/** Says of one question, asked again and again, whether a leader that knows less than it must is to be believed by now. */
export type Belief = () => boolean;

/** A leader that was cut off answers until it notices: what it does not know may be stored all the same. */
export class OldLeader {
  readonly #clock: Clock;
  readonly #hasOneReplica: () => boolean;

  /** @param hasOneReplica - true where there is one server that can answer */
  constructor(clock: Clock, hasOneReplica: () => boolean) {
    this.#clock = clock;
    this.#hasOneReplica = hasOneReplica;
  }

  /** For a question that is about to be asked. */
  belief(): Belief {
    let first: number | null = null;
    return () => {
      const now = this.#clock.elapsed();
      first ??= now;
      return this.#hasOneReplica() || now - first > OLD_LEADER_MS;
    };
  }
}
