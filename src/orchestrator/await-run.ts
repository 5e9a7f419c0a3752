import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import type { RunInfo } from "../core/records/run-info.ts";
import { runInfo } from "./find-run.ts";
import type { OrchestratorScope } from "./scope.ts";

export interface WaitOptions {
  /** Milliseconds to wait at most. @default without end */
  readonly timeoutMs?: number | undefined;
  /** Gives the wait up when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Waits for ends of runs. One watch serves all waits of an orchestrator; nothing is polled. */
export class Ends {
  readonly #scope: OrchestratorScope;
  readonly #waiting = new Map<string, Set<(info: RunInfo) => void>>();
  #watch: Promise<() => void> | null = null;

  constructor(scope: OrchestratorScope) {
    this.#scope = scope;
  }

  /**
   * Resolves with the run's info once it has ended, however it ended.
   *
   * @throws FloxideError `not_found`, `timeout`, `cancelled` when the signal was aborted
   */
  async of(runId: string, options: WaitOptions = {}): Promise<RunInfo> {
    // Listen first, look then: an end between the two is seen by one of them.
    this.#watch ??= this.#scope.backend.runs.watchEnded((info) => this.#ended(info));
    await this.#watch;
    return new Promise<RunInfo>((resolve, reject) => {
      const { signal, timeoutMs } = options;
      const settle = (finish: () => void): void => {
        this.#forget(runId, onEnd);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const onEnd = (info: RunInfo): void => settle(() => resolve(info));
      const onAbort = (): void => settle(() => reject(givenUp(runId, signal?.reason)));
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => settle(() => reject(tooLate(runId, timeoutMs))), timeoutMs);
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#remember(runId, onEnd);
      runInfo(this.#scope, runId).then(
        (info) => {
          if (isTerminal(info.status)) onEnd(info);
        },
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  async close(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    if (watch !== null) (await watch)();
  }

  #ended(info: RunInfo): void {
    for (const onEnd of this.#waiting.get(info.runId) ?? []) onEnd(info);
  }

  #remember(runId: string, onEnd: (info: RunInfo) => void): void {
    const waiting = this.#waiting.get(runId) ?? new Set();
    waiting.add(onEnd);
    this.#waiting.set(runId, waiting);
  }

  #forget(runId: string, onEnd: (info: RunInfo) => void): void {
    const waiting = this.#waiting.get(runId);
    waiting?.delete(onEnd);
    if (waiting?.size === 0) this.#waiting.delete(runId);
  }
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
