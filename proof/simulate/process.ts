import type { Clock } from "../../src/core/clock.ts";
import type { Logger } from "../../src/core/logger.ts";
import { type JetStreamBackend, openJetStreamBackend } from "../../src/jetstream/backend.ts";
import type { Mover } from "./mover.ts";
import { type ConnectionWatcher, SimConnection } from "./nats/connection.ts";
import type { SimServer } from "./nats/server.ts";
import { clockOf, type Sleeper } from "./time.ts";

/** How the adapter is set in the simulated world: short waits, so that little time has to pass. */
const ACK_WAIT_MS = 4_000;
/** Longer than any simulated outage. */
const PATIENCE_MS = 120_000;

/** One process of the simulated system: a connection and a clock, that end with it. */
export class SimProcess implements Sleeper {
  readonly name: string;
  readonly connection: SimConnection;
  readonly clock: Clock;
  readonly #server: SimServer;
  readonly #missed: (() => void)[] = [];
  readonly #endings: (() => void)[] = [];
  isDead = false;
  isStalled = false;
  /** Until when nothing that it sends or is sent moves: a step and a time, whichever comes first. */
  delayedUntil: { readonly step: number; readonly at: number } | null = null;
  readonly sending: Mover;
  readonly hearing: Mover;

  constructor(name: string, server: SimServer, skewMs: number, watcher: ConnectionWatcher) {
    this.name = name;
    this.#server = server;
    this.clock = clockOf(server.time, this, () => server.random.next(), skewMs);
    this.connection = new SimConnection(name, server, this.clock, watcher);
    const { connection } = this;
    this.sending = {
      isReady: () => connection.out.length > 0,
      move: () => {
        const all = server.random.hits(0.5) ? connection.out.length : 1;
        for (let i = 0; i < all; i++) connection.deliverNext();
        return false;
      },
    };
    this.hearing = {
      isReady: () => connection.incoming.length > 0 && !this.isStalled,
      move: () => {
        connection.takeNext();
        return true;
      },
    };
  }

  /** The adapter of the real system, on this process's connection. */
  open(logger: Logger, replicas: 1 | 3): Promise<JetStreamBackend> {
    const connection = this.connection.asClient;
    return openJetStreamBackend(
      {
        connection,
        logger,
        namespace: "sim",
        replicas,
        ackWaitMs: ACK_WAIT_MS,
        patienceMs: PATIENCE_MS,
        connectTimeoutMs: PATIENCE_MS,
      },
      this.clock,
    );
  }

  missed(run: () => void): void {
    this.#missed.push(run);
  }

  /** It stands still: it hears nothing, and none of its timers fires. */
  stall(): void {
    this.isStalled = true;
  }

  /** It goes on, with everything that should have happened meanwhile. */
  wake(): void {
    if (!this.isStalled) return;
    this.isStalled = false;
    for (const run of this.#missed.splice(0))
      this.#server.time.at(this.#server.time.now, run, this);
  }

  /** It is killed, at once and without a word. */
  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.connection.kill();
    for (const end of this.#endings.splice(0)) end();
  }

  /** What the work comes to, or null where the process dies first. */
  unlessKilled<T>(work: Promise<T>): Promise<T | null> {
    if (this.isDead) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#endings.push(() => resolve(null));
      work.then(resolve, reject);
    });
  }
}
