import { hostname } from "node:os";
import { iso } from "../core/clock.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import type { WorkflowRegistry } from "../workflows/index.ts";
import type { Running } from "./running.ts";
import type { WorkerScope } from "./scope.ts";

const HOST = hostname();

/** Milliseconds that the event loop may stand still before it is said. */
export const BLOCKED_MS = 1_000;

/** A worker that has nothing to do says so this many times less often: each time wakes its process. */
const RESTING = 4;
/** Unless that would be longer than this, in milliseconds. */
const LONGEST_REST_MS = 60_000;
/** A part of the rest: what was said so short a time ago is not said again because the process is awake. */
const JUST_BEFORE = 8;
/** Milliseconds until a worker says that it rests no more, so that what it has begun with is not held up. */
const AWAKE_MS = 100;

/** Says every few seconds that the worker lives, and what it does. */
export class Heart {
  readonly #scope: WorkerScope;
  readonly #running: Running;
  readonly #workflows: Heartbeat["workflows"];
  readonly #startedAt: string;
  #stop: () => void = () => {};
  #unwatch: () => void = () => {};
  #due = 0;
  /** When it was said last, on the clock that never jumps. */
  #saidAt = 0;
  /** A heartbeat was due while the one before still waited for its answer. */
  #isOverdue = false;
  #isOver = false;
  #lagMs = 0;
  /** Executions that had begun by the last heartbeat. */
  #begun = 0;
  #nextMs: number;
  #beating: Promise<void> | null = null;

  constructor(scope: WorkerScope, running: Running, registry: WorkflowRegistry) {
    this.#scope = scope;
    this.#running = running;
    this.#nextMs = scope.options.heartbeatMs;
    this.#startedAt = iso(scope.clock.now());
    this.#workflows = registry
      .all()
      .map(({ name, version, fingerprint }) => ({ name, version, fingerprint }));
  }

  /** The first heartbeat is written before this resolves. It is answered like any other request: none rests yet. */
  async start(): Promise<void> {
    await this.beat();
    this.#unwatch = this.#scope.backend.watchAwake(() => this.#onAwake());
    this.#sleep();
  }

  #tick(): void {
    const { clock, options } = this.#scope;
    this.#lagMs = Math.max(0, clock.elapsed() - this.#due);
    if (this.#lagMs >= BLOCKED_MS) this.#warnOfBlock();
    const { begun, size } = this.#running;
    this.#nextMs = size === 0 && begun === this.#begun ? this.#restMs : options.heartbeatMs;
    this.#begun = begun;
    this.#sleep();
    this.#say();
  }

  #say(): void {
    // One that still waits for JetStream is followed by one for all that were due meanwhile.
    if (this.#beating !== null) {
      this.#isOverdue = true;
      return;
    }
    const { options, log } = this.#scope;
    this.beat().then(
      () => {
        if (this.#isOverdue && !this.#isOver) this.#say();
      },
      (error: unknown) => {
        if (this.#isOver) return;
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ reason, workerId: options.workerId }, "heartbeat not written");
        // Not after a whole rest: what was said last is old by now.
        this.#nextMs = options.heartbeatMs;
        this.#sleep();
      },
    );
  }

  /** Until the next heartbeat; where the worker rests, until soon after it executes something. */
  #sleep(): void {
    const { heartbeatMs } = this.#scope.options;
    this.#tickIn(this.#nextMs);
    const wake = (): void => {
      this.#nextMs = heartbeatMs;
      this.#tickIn(Math.min(AWAKE_MS, heartbeatMs));
    };
    this.#running.onNext(this.#rests ? wake : null);
  }

  /** The process is awake anyway: a heartbeat now spares it a waking of its own, unless there was one just before. */
  #onAwake(): void {
    if (!this.#rests) return;
    const saidMs = this.#scope.clock.elapsed() - this.#saidAt;
    if (saidMs < this.#restMs / JUST_BEFORE) this.#sleep();
    else this.#tick();
  }

  get #rests(): boolean {
    return this.#nextMs > this.#scope.options.heartbeatMs;
  }

  #tickIn(ms: number): void {
    const { clock } = this.#scope;
    this.#stop();
    this.#due = clock.elapsed() + ms;
    this.#stop = clock.after(ms, () => this.#tick());
  }

  get #restMs(): number {
    const { heartbeatMs } = this.#scope.options;
    return Math.max(heartbeatMs, Math.min(RESTING * heartbeatMs, LONGEST_REST_MS));
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
    this.#isOver = true;
    this.#unwatch();
    this.#running.onNext(null);
    this.#stop();
    await this.#scope.backend.liveness.remove(this.#scope.options.workerId);
  }

  /** One at a time: those that wait for JetStream to come back would only repeat each other. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = null;
    });
    return this.#beating;
  }

  async #beat(): Promise<void> {
    const { backend, clock } = this.#scope;
    await backend.liveness.put(() => {
      // A repeated one must not bring back a worker that has said goodbye.
      if (this.#isOver) return null;
      this.#saidAt = clock.elapsed();
      this.#isOverdue = false;
      return this.describe();
    });
  }

  describe(): Heartbeat {
    const { options, clock } = this.#scope;
    const running = this.#running.size;
    return {
      workerId: options.workerId,
      host: HOST,
      pid: process.pid,
      startedAt: this.#startedAt,
      at: iso(clock.now()),
      nextMs: this.#nextMs,
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
