import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";

/** What a {@link RepairLoop} needs. */
export interface RepairLoopParts {
  /** Looks once for stranded runs. */
  readonly repair: () => Promise<unknown>;
  /** Milliseconds from the end of one look to the next, give or take a quarter; 0: never. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks for stranded runs now and then, one look at a time. A look that fails is logged, and the next one comes. */
export class RepairLoop {
  readonly #parts: RepairLoopParts;
  #cancel: () => void = () => {};
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: RepairLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    const { everyMs, clock } = this.#parts;
    if (everyMs === 0 || this.#stopped) return;
    // Several services must not all look at the same moment.
    const delayMs = everyMs * (0.75 + clock.random() / 2);
    this.#cancel = clock.after(delayMs, () => {
      this.#look = this.#once().then(() => this.start());
    });
  }

  /** Begins no further look, and resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#look;
  }

  async #once(): Promise<void> {
    try {
      await this.#parts.repair();
    } catch (error) {
      this.#parts.log.error(
        { err: error },
        "stranded runs could not be looked for; the next look comes",
      );
    }
  }
}
