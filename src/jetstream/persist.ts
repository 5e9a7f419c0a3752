import { sleep } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Link } from "./link.ts";
import { isTransient, translateError } from "./translate-error.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** Keeps trying what NATS does not answer, within bounds. */
export class Persistence {
  readonly #link: Link;
  readonly #patienceMs: number;

  /** @param patienceMs - how long one call keeps trying, in milliseconds */
  constructor(link: Link, patienceMs: number) {
    this.#link = link;
    this.#patienceMs = patienceMs;
  }

  /**
   * Runs the attempt, and again for as long as nothing answers: at once when the connection is back, else after pauses
   * that grow to five seconds.
   *
   * @param what - what is tried, for the message of the error
   * @param attempt - `again` is true from the second time on: the one before may have been acted on
   * @throws FloxideError `backend` where the patience ends, or another attempt is pointless
   */
  run<T>(what: string, attempt: (again: boolean) => Promise<T>): Promise<T> {
    return attempt(false).catch((error: unknown) => this.#again(what, attempt, error));
  }

  async #again<T>(
    what: string,
    attempt: (again: boolean) => Promise<T>,
    first: unknown,
  ): Promise<T> {
    const { clock } = this.#link;
    const start = clock.elapsed();
    let failed = first;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const left = start + this.#patienceMs - clock.elapsed();
      this.#check(what, failed, left);
      await this.#pause(pause, left);
      try {
        return await attempt(true);
      } catch (error) {
        failed = error;
      }
    }
  }

  /** What the client itself asks of the server, such as the JetStream management API: as {@link run}. */
  manage<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.run(what, () => this.#link.whileUp(what, attempt));
  }

  #check(what: string, error: unknown, leftMs: number): void {
    if (!isTransient(error)) throw translateError(error, what);
    if (this.#link.isGone) {
      throw new FloxideError("backend", `${what}: the connection to NATS is closed`, {
        cause: error,
      });
    }
    if (leftMs > 0) return;
    const said = translateError(error, what).message;
    throw new FloxideError("backend", `${said}; gave up after ${this.#patienceMs} ms`, {
      cause: error,
    });
  }

  async #pause(ms: number, leftMs: number): Promise<void> {
    if (!this.#link.isUp) {
      await this.#link.whenUp(leftMs);
      return;
    }
    const { clock } = this.#link;
    await sleep(clock, Math.min(leftMs, ms * (0.5 + clock.random())));
  }
}
