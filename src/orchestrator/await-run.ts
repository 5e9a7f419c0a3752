import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
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

/** Waits for ends of runs. One watch serves all waits of an orchestrator; nothing is polled. */
export class Ends {
  readonly #scope: OrchestratorScope;
  readonly #waiting = new Map<string, Set<Wait>>();
  #watch: Promise<() => void> | null = null;
  #isListening = false;
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
    this.#watch ??= this.#scope.backend.runs.watchEnded((info) => this.#ended(info));
    try {
      await this.#watch;
      this.#isListening = true;
    } catch (error) {
      // The next wait tries again.
      this.#watch = null;
      throw error;
    }
  }

  async close(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    this.#isListening = false;
    this.#begun.clear();
    for (const [runId, waiting] of this.#waiting) {
      for (const { fail } of waiting) fail(givenUp(runId, "the orchestrator was closed"));
    }
    const stop = await watch?.catch(() => undefined);
    stop?.();
  }

  #ended(info: RunInfo): void {
    this.#begun.delete(info.runId);
    for (const { end } of this.#waiting.get(info.runId) ?? []) end(info);
  }

  #remember(runId: string, wait: Wait): void {
    const waiting = this.#waiting.get(runId) ?? new Set();
    waiting.add(wait);
    this.#waiting.set(runId, waiting);
  }

  #forget(runId: string, wait: Wait): void {
    const waiting = this.#waiting.get(runId);
    waiting?.delete(wait);
    if (waiting?.size === 0) this.#waiting.delete(runId);
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
