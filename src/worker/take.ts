import { isFloxideError } from "../core/errors.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { WorkflowRegistry } from "../workflows/index.ts";
import { Distrusted } from "./distrusted.ts";
import type { Executor } from "./executor.ts";
import { Fit } from "./fit.ts";
import type { WorkerScope } from "./scope.ts";
import type { Sessions } from "./sessions.ts";
import { StartTaker } from "./take-start.ts";
import { WorkTaker } from "./take-work.ts";

/** Milliseconds after which a message is tried again when the stores could not be reached. */
const OUTAGE_DELAY_MS = 1_000;

/** Handles messages of the work queue, whatever they contain. */
export class Taker {
  readonly #scope: WorkerScope;
  readonly #starts: StartTaker;
  readonly #work: WorkTaker;
  readonly #distrusted: Distrusted;

  constructor(
    scope: WorkerScope,
    registry: WorkflowRegistry,
    sessions: Sessions,
    executor: Executor,
  ) {
    const fit = new Fit(scope, registry);
    this.#scope = scope;
    this.#starts = new StartTaker(scope, fit, sessions, executor);
    this.#work = new WorkTaker(scope, fit, sessions, executor);
    this.#distrusted = new Distrusted(scope);
  }

  /** Handles one message to its end. Never rejects: what cannot be handled goes back, or to the dead letters. */
  async take(delivery: Delivery): Promise<void> {
    try {
      if (delivery.distrust !== null) await this.#distrusted.take(delivery, delivery.distrust);
      else await (delivery.kind === "start" ? this.#starts : this.#work).take(delivery);
    } catch (error) {
      const { subject, seq, deliveries } = delivery;
      const { workerId } = this.#scope.options;
      const fields = { err: error, subject, seq, deliveries, workerId };
      if (isFloxideError(error, "backend")) {
        this.#scope.log.warn(fields, "JetStream is out of reach: the work goes back");
      } else this.#scope.log.error(fields, "handling a message failed: the work goes back");
      delivery.giveBack(OUTAGE_DELAY_MS);
    }
  }
}
