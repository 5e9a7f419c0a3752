import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import { inParallel } from "../core/in-parallel.ts";
import { Recent } from "../core/recent.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { runInfo } from "./find-run.ts";
import type { OrchestratorScope } from "./scope.ts";

export interface WaitOptions {
  /** Milliseconds to wait at most. @default without end */
  readonly timeoutMs?: number | undefined;
  /** Gives the wait up when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Started runs that are remembered. */
const BEGUN = 10_000;
/** How long ends are listened to when nobody waits: who waits for one run after the other begins it once. */
const LINGER_MS = 30_000;
/** Runs that are looked at at a time. */
const WIDTH = 16;

/** Waits for ends of runs. One watch serves all waits of an orchestrator; nothing is polled. */
export class Ends {
  readonly #scope: OrchestratorScope;
  readonly #waiting = new Map<string, Set<Wait>>();
  #watch: Promise<() => void> | null = null;
  #isListening = false;
  #stopLingering: () => void = () => {};
  /** New runs whose start was asked for while the watch was on, and that it has not yet seen end: there is nothing to look up. */
  readonly #begun = new Recent<string, true>(BEGUN);

  constructor(scope: OrchestratorScope) {
    this.#scope = scope;
  }

  /**
   * Resolves with the run's info once it has ended, however it ended.
   *
   * @throws FloxideError `not_found`, `timeout`, `cancelled` when the signal was aborted
   */
  of(runId: string, options: WaitOptions = {}): Promise<RunInfo> {
    return new Promise<RunInfo>((resolve, reject) => {
      const { signal, timeoutMs } = options;
      const wait: Wait = {
        end: (info) => settle(() => resolve(info)),
        fail: (error) => settle(() => reject(error)),
      };
      const settle = (finish: () => void): void => {
        this.#forget(runId, wait);
        stopTimer();
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const onAbort = (): void => wait.fail(givenUp(runId, signal?.reason));
      const stopTimer =
        timeoutMs === undefined
          ? () => {}
          : this.#scope.clock.after(timeoutMs, () => wait.fail(tooLate(runId, timeoutMs)));
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#remember(runId, wait);
      this.#look(runId).then((info) => info !== null && wait.end(info), wait.fail);
    });
  }

  /** A run of this id is about to be started, and nobody else can know it. @returns how to say that it was not */
  starting(runId: string): () => void {
    if (this.#isListening) this.#begun.set(runId, true);
    return () => this.#begun.delete(runId);
  }

  /** Listens first, looks then: an end between the two is seen by one of them. @returns null while it goes on */
  async #look(runId: string): Promise<RunInfo | null> {
    if (this.#begun.has(runId)) return null;
    await this.#listen();
    const info = await runInfo(this.#scope, runId);
    return isTerminal(info.status) ? info : null;
  }

  async #listen(): Promise<void> {
    this.#watch ??= this.#scope.backend.runs.watchEnded((info) => this.#ended(info), {
      onAnew: () => void this.#lookAtAll(),
      onGone: (error) => this.#gone(error),
    });
    const watch = this.#watch;
    try {
      await watch;
      // Given up meanwhile, it tells nothing.
      if (this.#watch === watch) this.#isListening = true;
    } catch (error) {
      // The next wait tries again.
      if (this.#watch === watch) this.#watch = null;
      throw error;
    }
  }

  close(): void {
    this.#stopListening();
    for (const [runId, waiting] of this.#waiting) {
      for (const { fail } of waiting) fail(givenUp(runId, "the orchestrator was closed"));
    }
    this.#stopLingering();
  }

  #stopListening(): void {
    const watch = this.#watch;
    this.#watch = null;
    this.#isListening = false;
    this.#begun.clear();
    // Not waited for: during an outage it may still be beginning.
    void watch?.then(
      (stop) => stop(),
      () => {},
    );
  }

  /** Ends may have been missed. A look that fails says nothing: the run is waited for as before. */
  async #lookAtAll(): Promise<void> {
    // Of runs that were just started too.
    this.#begun.clear();
    await inParallel([...this.#waiting.keys()], WIDTH, async (runId) => {
      const info = await runInfo(this.#scope, runId).catch(() => null);
      if (info !== null && isTerminal(info.status)) this.#ended(info);
    });
  }

  #gone(error: FloxideError): void {
    this.#watch = null;
    this.#isListening = false;
    this.#begun.clear();
    for (const waiting of this.#waiting.values()) for (const { fail } of waiting) fail(error);
  }

  /** Nobody waits: what is told of all ends costs something, so it is not listened to for ever. */
  #linger(): void {
    const { clock } = this.#scope;
    this.#stopLingering();
    this.#stopLingering = clock.after(LINGER_MS, () => this.#stopListening(), { background: true });
  }

  #ended(info: RunInfo): void {
    this.#begun.delete(info.runId);
    for (const { end } of this.#waiting.get(info.runId) ?? []) end(info);
  }

  #remember(runId: string, wait: Wait): void {
    this.#stopLingering();
    const waiting = this.#waiting.get(runId) ?? new Set();
    waiting.add(wait);
    this.#waiting.set(runId, waiting);
  }

  #forget(runId: string, wait: Wait): void {
    const waiting = this.#waiting.get(runId);
    waiting?.delete(wait);
    if (waiting?.size !== 0) return;
    this.#waiting.delete(runId);
    if (this.#waiting.size === 0 && this.#watch !== null) this.#linger();
  }
}

interface Wait {
  readonly end: (info: RunInfo) => void;
  readonly fail: (error: unknown) => void;
}

function tooLate(runId: string, timeoutMs: number): FloxideError {
  return new FloxideError(
    "timeout",
    `run "${runId}" has not ended within ${timeoutMs} ms; it goes on`,
    {
      details: { runId, timeoutMs },
    },
  );
}

function givenUp(runId: string, cause: unknown): FloxideError {
  return new FloxideError(
    "cancelled",
    `the wait for run "${runId}" was given up; the run goes on`,
    {
      details: { runId },
      cause,
    },
  );
}
