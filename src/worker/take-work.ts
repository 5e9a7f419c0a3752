import { type Checkpoint, isOfNewerForm } from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import { sayIssues } from "../core/issues.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import { WorkMessageSchema } from "../core/records/work-message.ts";
import type { RunSession } from "../engine/session.ts";
import { bury } from "./bury.ts";
import { Carry } from "./carry.ts";
import type { Executor } from "./executor.ts";
import { BEGINNING_DELAY_MS, type Fit } from "./fit.ts";
import { readRun } from "./read-run.ts";
import type { WorkerScope } from "./scope.ts";
import type { Sessions } from "./sessions.ts";

/** Handles messages of runs that have begun. */
export class WorkTaker {
  readonly #scope: WorkerScope;
  readonly #fit: Fit;
  readonly #sessions: Sessions;
  readonly #executor: Executor;

  constructor(scope: WorkerScope, fit: Fit, sessions: Sessions, executor: Executor) {
    this.#scope = scope;
    this.#fit = fit;
    this.#sessions = sessions;
    this.#executor = executor;
  }

  /** @throws FloxideError `backend` where the stores cannot be reached */
  async take(delivery: Delivery): Promise<void> {
    const raw = decode(delivery.body);
    if (isNewer(raw)) return this.#fit.leave(delivery, "a work item of a newer form");
    const parsed = WorkMessageSchema.safeParse(raw);
    if (!parsed.success) {
      await bury(
        this.#scope,
        delivery,
        null,
        "validation",
        `the work item does not fit: ${sayIssues(parsed.error.issues).text}`,
      );
      return;
    }
    const { runId, item: carrier, turn, revision } = parsed.data;
    const session = this.#sessions.acquire(runId);
    try {
      const view = await this.#load(delivery, session, revision);
      if (view === null) return;
      if (view.checkpoint.workflow !== delivery.workflow) {
        // No worker of either workflow could ever take it: it would come again for ever.
        const reason = `run "${runId}" is a run of workflow "${view.checkpoint.workflow}"`;
        await bury(this.#scope, delivery, runId, "conflict", reason);
        return;
      }
      const workflow = this.#fit.of(delivery, view.checkpoint);
      if (workflow === null) return;
      const of = { carrier, turn };
      const carry = new Carry(this.#scope, this.#executor, delivery, of, session, workflow);
      await carry.run(view.checkpoint, view.revision);
    } finally {
      this.#sessions.release(session);
    }
  }

  async #load(
    delivery: Delivery,
    session: RunSession,
    revision: number,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly revision: number } | null> {
    try {
      // A message that comes again is judged on what is stored, not on what was known when it came first.
      const view = await readRun(this.#scope, delivery, session, () =>
        delivery.deliveries > 1 ? session.reload(revision) : session.load(revision),
      );
      if (view?.revision === 0) {
        // The run is beginning here, and somewhere else it has begun: the next look is at what is stored.
        delivery.giveBack(BEGINNING_DELAY_MS);
        return null;
      }
      if (view !== null) return view;
      this.#scope.log.info(
        { runId: session.runId, subject: delivery.subject },
        "work of a run that is gone dropped",
      );
      delivery.ack();
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      if (isOfNewerForm(error)) this.#fit.leave(delivery, "a checkpoint of a newer form");
      else await bury(this.#scope, delivery, session.runId, error.code, error.message);
    }
    return null;
  }
}

/** True for what a later release has written: this one must not judge it. */
const isNewer = (raw: unknown): boolean =>
  typeof raw === "object" && raw !== null && "v" in raw && typeof raw.v === "number" && raw.v > 1;

function decode(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
