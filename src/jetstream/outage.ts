import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { reachOf } from "./greeting.ts";

/** Time between two lines with the same reason, in milliseconds. */
const SAY_AGAIN_MS = 60_000;
/** Time between two looks at what keeps the client out, in milliseconds. */
const LOOK_AGAIN_MS = 2_000;

/**
 * Says why a connection does not come back.
 *
 * The client says that it tries again, and what the server told it. It does not say why a server was not reached, or why
 * TLS failed: so somebody looks, as the client would.
 */
export class Outage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #server: string;
  /** When each reason was said last. */
  readonly #saidAt = new Map<string, number>();
  #tries = 0;
  #isExplained = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #before: string | null = null;
  #isOver = false;

  /** @param server - the one that was lost */
  constructor(server: string, logger: Logger, clock: Clock) {
    this.#server = server;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** The client tries once more: what it tried before has failed. */
  tries(): void {
    this.#tries += 1;
    const isExplained = this.#isExplained;
    this.#isExplained = false;
    if (this.#tries > 1 && !isExplained) void this.#look();
  }

  /** What the server told a client that it does not let in. */
  refuses(reason: string): void {
    this.#isExplained = true;
    this.#say(reason);
  }

  /** The connection is back, or given up. */
  end(): void {
    this.#isOver = true;
  }

  async #look(): Promise<void> {
    const now = this.#clock.elapsed();
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return;
    this.#lookedAt = now;
    const reach = await reachOf(this.#server).catch(() => null);
    // The client has a server by a name that says nothing here, such as that of a test.
    if (reach === null) return;
    // One that answers may have come back just now, and the client be next.
    if (reach.isOpen && reach.reason !== this.#before) this.#before = reach.reason;
    else this.#say(reach.reason);
  }

  #say(reason: string): void {
    const now = this.#clock.elapsed();
    const saidAt = this.#saidAt.get(reason) ?? Number.NEGATIVE_INFINITY;
    if (this.#isOver || now - saidAt < SAY_AGAIN_MS) return;
    this.#saidAt.set(reason, now);
    this.#logger.warn({ server: this.#server, reason }, "NATS connection does not come back");
  }
}
