import type { QueuedStart } from "../core/ports/work-queue.ts";
import { readable } from "./find-run.ts";
import type { OrchestratorScope } from "./scope.ts";

/** Start requests that came during a look, as many as are read for one run. */
const LATE_STARTS = 10_000;

/** Runs whose start requests are in the queue: those of a first reading, and those that have come since. */
export class WaitingStarts {
  readonly #scope: OrchestratorScope;
  readonly #runs = new Set<string>();
  #upTo = 0;

  /** @param starts - all that the queue has */
  constructor(scope: OrchestratorScope, starts: readonly QueuedStart[]) {
    this.#scope = scope;
    this.#add(starts);
  }

  /** False where no request of the run waited at the last reading. */
  had(runId: string): boolean {
    return this.#runs.has(runId);
  }

  /** False where none waits now. A request that has been taken since may still count as one. */
  async has(runId: string): Promise<boolean> {
    if (this.had(runId)) return true;
    const late = await this.#scope.backend.queue.startsWaiting(LATE_STARTS, this.#upTo);
    this.#add(late);
    // More than were read: not known.
    return late.length >= LATE_STARTS || this.had(runId);
  }

  #add(starts: readonly QueuedStart[]): void {
    for (const start of starts) {
      const request = readable(start, this.#scope.backend.namespace);
      if (request !== null) this.#runs.add(request.runId);
      this.#upTo = Math.max(this.#upTo, start.seq);
    }
  }
}
