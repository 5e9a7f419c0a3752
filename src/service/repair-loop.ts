import type { Logger } from "../core/logger.ts";

/** What a {@link RepairLoop} needs. */
export interface RepairLoopParts {
  /** Looks once for stranded runs. */
  readonly repair: () => Promise<unknown>;
  /** Milliseconds from the end of one look to the next, give or take a quarter; 0: never. */
  readonly everyMs: number;
  /** At least 0, less than 1. Several services must not all look at the same moment. */
  readonly random: () => number;
  readonly log: Logger;
}

/** Looks for stranded runs now and then, one look at a time. A look that fails is logged, and the next one comes. */
export class RepairLoop {
  readonly #parts: RepairLoopParts;
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: RepairLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    const { everyMs, random } = this.#parts;
    if (everyMs === 0 || this.#stopped) return;
    const delayMs = everyMs * (0.75 + random() / 2);
    this.#timer = setTimeout(() => {
      this.#look = this.#once().then(() => this.start());
    }, delayMs);
  }

  /** Begins no further look, and resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
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
