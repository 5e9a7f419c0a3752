import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { every, systemClock, within } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { silentLogger } from "../core/logger.ts";
import { newId } from "../core/new-id.ts";
import type { Backend } from "../core/ports/backend.ts";
import type { ControlCommand } from "../core/ports/control-bus.ts";
import type { Delivery, QueueSource } from "../core/ports/work-queue.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import { Outside, WIDTHS, type Widths } from "../engine/outside.ts";
import { spareBytesOf } from "../engine/spare-bytes.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { WorkflowRegistry } from "../workflows/index.ts";
import { Executor } from "./executor.ts";
import { Heart } from "./heartbeat.ts";
import { Intake } from "./intake.ts";
import type { ResolvedWorkerOptions, WorkerOptions } from "./options.ts";
import { resolveWorkerOptions } from "./options.ts";
import { Running } from "./running.ts";
import type { WorkerScope } from "./scope.ts";
import { Sessions } from "./sessions.ts";
import { Taker } from "./take.ts";

export interface WorkerParts {
  readonly backend: Backend;
  readonly workflows: readonly AnyWorkflow[];
  readonly log?: Logger;
  readonly clock?: Clock;
  /** How wide a fork may be before it is kept outside its checkpoint; the same everywhere but in tests. */
  readonly widths?: Widths;
}

/** Milliseconds, beyond the grace, that stopping may take. */
const STOP_MS = 5_000;

type State = "new" | "started" | "stopping" | "stopped";

/** Takes work of its workflows from the queue and executes it. Any number of them share the work. */
export class Worker {
  readonly #scope: WorkerScope;
  readonly #registry: WorkflowRegistry;
  readonly #running: Running;
  readonly #sessions: Sessions;
  readonly #taker: Taker;
  readonly #heart: Heart;
  #intake: Intake | null = null;
  #state: State = "new";
  #stopped: Promise<void> | null = null;
  #unlisten: () => void = () => {};

  /** @throws FloxideError `definition` for options or workflows that do not fit, `fingerprint` for two that clash */
  constructor(parts: WorkerParts, options: WorkerOptions = {}) {
    const resolved = resolveWorkerOptions(options);
    this.#registry = registryOf(parts.workflows);
    this.#scope = {
      backend: parts.backend,
      options: resolved,
      clock: parts.clock ?? systemClock,
      log: parts.log ?? silentLogger,
      stopping: () => this.#state === "stopping" || this.#state === "stopped",
      runEnded: (checkpoint, revision) => this.#runEnded(checkpoint, revision),
    };
    this.#running = new Running(this.#scope.clock);
    let commits = 0;
    const prefix = newId().slice(-12);
    const newCommit = (): string => `${prefix}-${++commits}`;
    const { values, maxValueBytes } = parts.backend;
    const outside = new Outside(values, maxValueBytes, parts.widths ?? WIDTHS, newCommit);
    this.#sessions = new Sessions({
      store: parts.backend.contexts,
      spareBytes: spareBytesOf(maxValueBytes),
      clock: this.#scope.clock,
      by: resolved.workerId,
      outside,
      newCommit,
    });
    const executor = new Executor(this.#scope, this.#running, outside);
    this.#taker = new Taker(this.#scope, this.#registry, this.#sessions, executor);
    this.#heart = new Heart(this.#scope, this.#running, this.#registry);
  }

  get workerId(): string {
    return this.#scope.options.workerId;
  }

  get options(): ResolvedWorkerOptions {
    return this.#scope.options;
  }

  /** Begins to take work. Resolves when the worker is listed and listens. */
  async start(): Promise<void> {
    if (this.#state !== "new") {
      throw new FloxideError(
        "illegal_state",
        `worker "${this.workerId}" is ${this.#state}: it starts once`,
      );
    }
    this.#state = "started";
    await this.#prepare();
    if (this.#scope.stopping()) return;
    await this.#heart.start();
    // Told to stop meanwhile: then nobody would give back what an intake takes.
    if (this.#scope.stopping()) {
      await this.#heart.stop();
      return;
    }
    this.#intake = new Intake({
      queue: this.#scope.backend.queue,
      sources: this.#sources(),
      slots: this.options.concurrency,
      clock: this.#scope.clock,
      log: this.#scope.log,
      handle: (delivery) => this.#taker.take(delivery),
    });
    this.#intake.start();
    const { workerId, concurrency } = this.options;
    this.#scope.log.info(
      { workerId, concurrency, workflows: this.#registry.names() },
      "worker started",
    );
  }

  /**
   * Handles one message, if one is there.
   *
   * No heartbeat is written: `pause` and `cancel` do not wait for a worker that works so, as for one that is cut off.
   *
   * @param waitMs - milliseconds to wait for one. @default 1000
   * @returns false where none came
   */
  async runOnce(waitMs = 1_000): Promise<boolean> {
    if (this.#state === "new") {
      this.#state = "started";
      await this.#prepare();
    }
    for (const source of this.#sources()) {
      const taken: Delivery[] = [];
      const stop = new AbortController();
      const wait = Math.max(50, waitMs / this.#sources().length);
      const { clock, backend } = this.#scope;
      const cancel = clock.after(wait, () => stop.abort());
      const take = (delivery: Delivery) => taken.push(delivery);
      await backend.queue.pull(source, 1, take, stop.signal).finally(cancel);
      const [delivery] = taken;
      if (delivery === undefined) continue;
      // A node may run for longer than the acknowledgement wait: nobody else is to have its message meanwhile.
      const stopRenewing = every(clock, backend.queue.ackWaitMs / 3, () => delivery.working());
      await this.#taker.take(delivery).finally(stopRenewing);
      return true;
    }
    return false;
  }

  /**
   * Takes nothing new, lets running nodes finish, then aborts what still runs and gives its work back at once.
   * A second call waits for the first.
   */
  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.graceMs ?? this.options.graceMs);
    return this.#stopped;
  }

  /** What the worker says of itself in its heartbeats. */
  health(): Heartbeat {
    return this.#heart.describe();
  }

  async #prepare(): Promise<void> {
    const { backend } = this.#scope;
    await Promise.all(this.#registry.names().map((name) => backend.queue.prepare(name)));
    const unlisten = backend.control.listen(this.workerId, (command) => this.#onCommand(command));
    const unwatch = backend.watchLost(() => this.#sessions.doubt());
    this.#unlisten = () => {
      unlisten();
      unwatch();
    };
  }

  #sources(): QueueSource[] {
    const names = this.#registry.names();
    // Runs that have begun come first.
    return [
      ...names.map((workflow) => ({ kind: "work", workflow }) as const),
      ...names.map((workflow) => ({ kind: "start", workflow }) as const),
    ];
  }

  async #stop(graceMs: number): Promise<void> {
    const { log, clock } = this.#scope;
    const began = this.#state;
    this.#state = "stopping";
    if (this.#intake !== null) {
      this.#heart.beat().catch(() => {});
      const drained = this.#intake.close().then(() => this.#intake?.drained());
      const abort = (): void => {
        const running = this.#running.size;
        if (running > 0) {
          log.warn(
            { workerId: this.workerId, running },
            "grace is over: running nodes are aborted",
          );
        }
        this.#running.abortAll();
      };
      // Without grace at once: a clock of a test stands still.
      if (graceMs === 0) abort();
      const cancel = clock.after(graceMs, abort);
      // What waits for JetStream while it is out of reach could keep it for minutes: its work comes back anyway.
      await within(clock, graceMs + STOP_MS, drained);
      cancel();
    }
    this.#unlisten();
    this.#state = "stopped";
    if (began === "new") return;
    await within(clock, STOP_MS, this.#heart.stop()).catch((error: unknown) => {
      log.warn(
        { err: error, workerId: this.workerId },
        "the worker could not take itself off the list",
      );
    });
    log.info({ workerId: this.workerId }, "worker stopped");
  }

  /** For a cancel resolves when nothing of the run that was on its way to the queue from here still is. */
  async #onCommand({ type, runId, revision }: ControlCommand): Promise<void> {
    const session = this.#sessions.find(runId);
    if (type === "restored") session?.forget();
    session?.invalidate(revision);
    if (type === "cancel" || type === "restored") this.#running.abortRun(runId);
    if (type === "cancel") await session?.published();
  }

  #runEnded(checkpoint: Checkpoint, revision: number): void {
    const { runId, workflow, status } = checkpoint;
    this.#scope.log.info({ runId, workflow, status, workerId: this.workerId }, "run ended");
    if (Object.keys(checkpoint.items).length === 0) return;
    // Siblings of the item that failed the run may be running, here and elsewhere: their answers count no more.
    this.#running.abortRun(runId);
    this.#scope.backend.control.tell({ type: "cancel", runId, revision });
  }
}

/**
 * The workflows of a worker.
 *
 * @throws FloxideError `definition` where there are none, `fingerprint` for two graphs with one name and version
 */
export function registryOf(workflows: readonly AnyWorkflow[] | undefined): WorkflowRegistry {
  // A caller in JavaScript may have left them out.
  if (Array.isArray(workflows) && workflows.length > 0) return new WorkflowRegistry(workflows);
  throw new FloxideError("definition", "a worker needs workflows: an array with one or more");
}
