import { hostname } from "node:os";
import { every, iso } from "../core/clock.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import type { WorkflowRegistry } from "../workflows/index.ts";
import type { Running } from "./running.ts";
import type { WorkerScope } from "./scope.ts";

/** Milliseconds that the event loop may stand still before it is said. */
export const BLOCKED_MS = 1_000;

/** Says every few seconds that the worker lives, and what it does. */
export class Heart {
  readonly #scope: WorkerScope;
  readonly #running: Running;
  readonly #workflows: Heartbeat["workflows"];
  readonly #startedAt: string;
  #stop: () => void = () => {};
  #due = 0;
  #lagMs = 0;
  #beating: Promise<void> | null = null;

  constructor(scope: WorkerScope, running: Running, registry: WorkflowRegistry) {
    this.#scope = scope;
    this.#running = running;
    this.#startedAt = iso(scope.clock.now());
    this.#workflows = registry
      .all()
      .map(({ name, version, fingerprint }) => ({ name, version, fingerprint }));
  }

  /** The first heartbeat is written before this resolves. */
  async start(): Promise<void> {
    await this.beat();
    const { clock, options } = this.#scope;
    this.#due = clock.elapsed() + options.heartbeatMs;
    this.#stop = every(clock, options.heartbeatMs, () => {
      const now = clock.elapsed();
      this.#lagMs = Math.max(0, now - this.#due);
      if (this.#lagMs >= BLOCKED_MS) this.#warnOfBlock();
      this.#due = now + options.heartbeatMs;
      // One that still waits for JetStream says it for all.
      if (this.#beating !== null) return;
      this.beat().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#scope.log.warn({ reason, workerId: options.workerId }, "heartbeat not written");
      });
    });
  }

  #warnOfBlock(): void {
    const { options, log } = this.#scope;
    const eventLoopLagMs = Math.round(this.#lagMs);
    log.warn(
      { workerId: options.workerId, eventLoopLagMs },
      `the event loop was blocked for ${eventLoopLagMs} ms or more: what this worker has in hand may have gone to another`,
    );
  }

  /** The worker is gone from the lists at once, instead of dying there slowly. */
  async stop(): Promise<void> {
    this.pause();
    await this.#scope.backend.liveness.remove(this.#scope.options.workerId);
  }

  /** Says no more, and leaves what was said: how a worker looks that was killed. */
  pause(): void {
    this.#stop();
  }

  /** One at a time: those that wait for JetStream to come back would only repeat each other. */
  beat(): Promise<void> {
    this.#beating ??= this.#scope.backend.liveness.put(this.describe()).finally(() => {
      this.#beating = null;
    });
    return this.#beating;
  }

  describe(): Heartbeat {
    const { options, clock } = this.#scope;
    const running = this.#running.size;
    return {
      workerId: options.workerId,
      host: hostname(),
      pid: process.pid,
      startedAt: this.#startedAt,
      at: iso(clock.now()),
      status: this.#scope.stopping() ? "draining" : running > 0 ? "busy" : "idle",
      concurrency: options.concurrency,
      running,
      completed: this.#running.completed,
      errors: this.#running.errors,
      current: this.#running.describe(),
      workflows: this.#workflows,
      load: { rssBytes: process.memoryUsage.rss(), eventLoopLagMs: Math.round(this.#lagMs) },
    };
  }
}
