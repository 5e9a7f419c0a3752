import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import {
  isGivenUp,
  isOfNewerForm,
  isTerminal,
  newCheckpoint,
  START_CARRIER,
} from "../core/checkpoint/checkpoint.ts";
import { isFloxideError } from "../core/errors.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { inputHashOf, readStart } from "../core/records/start-request.ts";
import { projectRun } from "../engine/project.ts";
import type { RunSession } from "../engine/session.ts";
import { spareBytesOf } from "../engine/spare-bytes.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import type { Beginning } from "./begin-run.ts";
import { begin } from "./begin-run.ts";
import { bury } from "./bury.ts";
import { Carry } from "./carry.ts";
import type { Executor } from "./executor.ts";
import { failUnbegun, refusalOf } from "./fail-unbegun.ts";
import { BEGINNING_DELAY_MS, type Fit, MISFIT_DELAY_MS } from "./fit.ts";
import { readRun } from "./read-run.ts";
import type { WorkerScope } from "./scope.ts";
import type { Sessions } from "./sessions.ts";

/** A start request that was read, with what tells it from others under its run id. */
export interface HashedRequest extends StartRequest {
  readonly inputHash: string;
}

/** Handles start requests: new runs, repeated ones, and what cannot become a run. */
export class StartTaker {
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
    let request: HashedRequest;
    try {
      const read = readStart(delivery, this.#scope.backend.namespace);
      // The same object: what was written of it is remembered for it.
      request = Object.assign(read, { inputHash: inputHashOf(read) });
    } catch (error) {
      const { code, message } = refusalOf(error);
      await bury(this.#scope, delivery, delivery.messageId, code, message);
      return;
    }
    const session = this.#sessions.acquire(request.runId);
    try {
      await this.#start(delivery, request, session);
    } finally {
      this.#sessions.release(session);
    }
  }

  async #start(delivery: Delivery, request: HashedRequest, session: RunSession): Promise<void> {
    // Revision 0: it begins. Nothing known: it is being read, and two that find no entry would both begin.
    if (session.users > 1 && (session.known?.revision ?? 0) === 0) {
      delivery.giveBack(BEGINNING_DELAY_MS);
      return;
    }
    session.abandon();
    const stored = await this.#stored(delivery, session);
    if (stored === undefined) return;
    if (stored?.started === true) {
      await this.#again(delivery, request, stored, session);
      return;
    }
    if (stored !== null && isTerminal(stored.status) && !isGivenUp(stored)) {
      await this.#endBeforeBeginning(delivery, stored, session);
      return;
    }
    const workflow = this.#fit.known(request.workflow, request.version);
    if (workflow === null) {
      this.#fit.report(request.workflow, request.version ?? 0, "", null);
      delivery.giveBack(MISFIT_DELAY_MS);
      return;
    }
    const beginning = await this.#begin(delivery, request, workflow, session);
    if (beginning === null) return;
    // While the input was checked another message may have come to know of the run: somebody else has begun it.
    if (stored === null && session.known !== null) {
      delivery.giveBack(BEGINNING_DELAY_MS);
      return;
    }
    if (stored === null) await this.#beginNew(delivery, session, workflow, beginning);
    else await this.#beginPrepared(delivery, session, workflow, beginning);
  }

  /** The stored checkpoint, null where there is none, undefined after the message was left or buried. */
  async #stored(delivery: Delivery, session: RunSession): Promise<Checkpoint | null | undefined> {
    try {
      const view = await readRun(this.#scope, delivery, session, () => session.reload());
      return view === null || view.revision === 0 ? null : view.checkpoint;
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      if (isOfNewerForm(error)) this.#fit.leave(delivery, "a checkpoint of a newer form");
      else await bury(this.#scope, delivery, session.runId, error.code, error.message);
      return undefined;
    }
  }

  async #begin(
    delivery: Delivery,
    request: HashedRequest,
    workflow: AnyWorkflow,
    session: RunSession,
  ): Promise<Beginning | null> {
    const { backend } = this.#scope;
    const limit = backend.maxValueBytes - spareBytesOf(backend.maxValueBytes);
    try {
      return await begin(workflow, request, delivery, request.inputHash, limit);
    } catch (error) {
      const refusal = refusalOf(error);
      // Whoever started the run through a client, or steered it, has seen it accepted and must see why it ended.
      if (delivery.infoWritten || session.known !== null) {
        const unbegun = { delivery, request, workflow, session, refusal };
        if (!(await failUnbegun(this.#scope, unbegun))) {
          delivery.giveBack(BEGINNING_DELAY_MS);
          return null;
        }
      }
      await bury(this.#scope, delivery, request.runId, refusal.code, refusal.message);
      return null;
    }
  }

  async #beginNew(
    delivery: Delivery,
    session: RunSession,
    workflow: AnyWorkflow,
    { run, start }: Beginning,
  ): Promise<void> {
    const carry = this.#carry(delivery, START_CARRIER, session, workflow);
    const checkpoint = session.begin(newCheckpoint(run, this.#scope.clock.now()), start);
    this.#scope.log.debug(
      { runId: run.runId, workflow: run.workflow, version: run.version },
      "run begins",
    );
    if (!delivery.infoWritten) {
      session.infoWritten = this.#scope.backend.runs.create(toRunInfo(checkpoint, 0));
      carry.waitFor(session.infoWritten);
    }
    await carry.run(checkpoint, 0);
  }

  /** The run was paused before anybody took its start request, or given up because there was none. */
  async #beginPrepared(
    delivery: Delivery,
    session: RunSession,
    workflow: AnyWorkflow,
    { start }: Beginning,
  ): Promise<void> {
    const carry = this.#carry(delivery, START_CARRIER, session, workflow);
    const wasGivenUp = session.known !== null && isGivenUp(session.known.checkpoint);
    const { checkpoint, revision, outcome } = await session.commit(start);
    if (!outcome.applied) return delivery.giveBack(BEGINNING_DELAY_MS);
    if (!delivery.infoWritten)
      carry.waitFor(this.#scope.backend.runs.create(toRunInfo(checkpoint, revision)));
    if (wasGivenUp) carry.waitFor(projectRun(this.#scope.backend, checkpoint, revision));
    await carry.run(checkpoint, revision);
  }

  /** The run was cancelled before anybody took its start request. */
  async #endBeforeBeginning(
    delivery: Delivery,
    stored: Checkpoint,
    session: RunSession,
  ): Promise<void> {
    await projectRun(this.#scope.backend, stored, session.known?.revision ?? 0);
    delivery.ack();
  }

  /** The run has begun already: by this very message, or by another one with the same run id. */
  async #again(
    delivery: Delivery,
    request: HashedRequest,
    stored: Checkpoint,
    session: RunSession,
  ): Promise<void> {
    // The hash too: a queue that has lost messages gives their places to others.
    if (stored.startSeq === delivery.seq && stored.inputHash === request.inputHash) {
      const workflow = this.#fit.of(delivery, stored);
      if (workflow === null) return;
      await this.#carry(delivery, START_CARRIER, session, workflow).run(
        stored,
        session.known?.revision ?? 0,
      );
      return;
    }
    if (stored.inputHash === request.inputHash) {
      this.#scope.log.debug(
        { runId: stored.runId, subject: delivery.subject },
        "repeated start request dropped",
      );
      if (isTerminal(stored.status)) await this.#showEnd(stored, session.known?.revision ?? 0);
      delivery.ack();
      return;
    }
    const reason = `run "${stored.runId}" exists with a different workflow, input or context`;
    await bury(this.#scope, delivery, stored.runId, "conflict", reason);
  }

  /**
   * Has lists show the end of the run, where they do not: it may have ended under a request that the queue has forgotten
   * since, before lists were written, and this one may be what a repair put in its place.
   */
  async #showEnd(ended: Checkpoint, revision: number): Promise<void> {
    const { backend } = this.#scope;
    const info = await backend.runs.get(ended.runId);
    if (info?.status !== ended.status) await projectRun(backend, ended, revision);
  }

  #carry(delivery: Delivery, carrier: number, session: RunSession, workflow: AnyWorkflow): Carry {
    const of = { carrier, turn: 0 };
    return new Carry(this.#scope, this.#executor, delivery, of, session, workflow);
  }
}
