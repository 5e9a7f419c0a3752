import type { Delivery } from "../core/ports/work-queue.ts";
import type { WorkerScope } from "./scope.ts";

/** Causes that are said; of what comes after so many only dead letters tell. */
const CAUSES = 100;

/** Handles messages that nobody who is trusted has signed: they are kept as dead letters, and nothing else is done. */
export class Distrusted {
  readonly #scope: WorkerScope;
  readonly #said = new Set<string>();

  constructor(scope: WorkerScope) {
    this.#scope = scope;
  }

  /** @throws FloxideError `backend` where the dead letter cannot be written */
  async take(delivery: Delivery, reason: string): Promise<void> {
    const { subject, workflow, body } = delivery;
    // Which run it is of is only what it claims: the letter names none.
    const letter = { code: "untrusted", reason, subject, workflow, runId: null, body };
    await this.#scope.backend.deadLetters.add(letter);
    this.#say(delivery, reason);
    delivery.ack();
  }

  /** Once for each cause: whoever floods the queue must not flood the logs too. */
  #say({ kind, workflow, subject, seq }: Delivery, reason: string): void {
    const cause = `${kind}/${workflow}/${reason}`;
    if (this.#said.has(cause) || this.#said.size >= CAUSES) return;
    this.#said.add(cause);
    const { workerId } = this.#scope.options;
    this.#scope.log.warn(
      { subject, seq, code: "untrusted", workerId },
      `untrusted message not executed: ${reason}. It is a dead letter; others of this cause are not logged`,
    );
  }
}
