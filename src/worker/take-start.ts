import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal, newCheckpoint, START_CARRIER } from "../core/checkpoint/checkpoint.ts";
import { type FloxideError, isFloxideError } from "../core/errors.ts";
import { toFailure } from "../core/failure.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { inputHashOf, readStart } from "../core/records/start-request.ts";
import { projectRun } from "../engine/project.ts";
import type { RunSession } from "../engine/session.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import type { Beginning } from "./begin-run.ts";
import { begin } from "./begin-run.ts";
import { bury } from "./bury.ts";
import { Carry } from "./carry.ts";
import type { Executor } from "./executor.ts";
import { type Fit, MISFIT_DELAY_MS } from "./fit.ts";
import type { WorkerScope } from "./scope.ts";
import type { Sessions } from "./sessions.ts";

/** Milliseconds after which a second request for a run that is just beginning here is looked at again. */
const BEGINNING_DELAY_MS = 1_000;

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
    let request: StartRequest;
    try {
      request = readStart(delivery, this.#scope.backend.namespace);
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      await bury(this.#scope, delivery, delivery.messageId, error.code, error.message);
      return;
    }
    const session = this.#sessions.acquire(request.runId);
    try {
      await this.#start(delivery, request, session);
    } finally {
      this.#sessions.release(session);
    }
  }

  async #start(delivery: Delivery, request: StartRequest, session: RunSession): Promise<void> {
    // Revision 0: it begins. Nothing known: it is being read, and two that find no entry would both begin.
    if (session.users > 1 && (session.known?.revision ?? 0) === 0) {
      delivery.giveBack(BEGINNING_DELAY_MS);
      return;
    }
    const stored = await this.#stored(delivery, session);
    if (stored === undefined) return;
    if (stored?.started === true) {
      await this.#again(delivery, request, stored, session);
      return;
    }
    if (stored !== null && isTerminal(stored.status)) {
      await this.#endBeforeBeginning(delivery, stored, session);
      return;
    }
    const workflow = this.#fit.known(request.workflow, request.version);
    if (workflow === null) {
      this.#fit.report(request.workflow, request.version ?? 0, "", null);
      delivery.giveBack(MISFIT_DELAY_MS);
      return;
    }
    const beginning = await this.#begin(delivery, request, workflow, stored);
    if (beginning === null) return;
    if (stored === null) await this.#beginNew(delivery, session, workflow, beginning);
    else await this.#beginPrepared(delivery, session, workflow, beginning);
  }

  /** The stored checkpoint, null where there is none, undefined after the message was buried. */
  async #stored(delivery: Delivery, session: RunSession): Promise<Checkpoint | null | undefined> {
    try {
      const view = await session.reload();
      return view === null || view.revision === 0 ? null : view.checkpoint;
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      await bury(this.#scope, delivery, session.runId, error.code, error.message);
      return undefined;
    }
  }

  async #begin(
    delivery: Delivery,
    request: StartRequest,
    workflow: AnyWorkflow,
    stored: Checkpoint | null,
  ): Promise<Beginning | null> {
    try {
      return await begin(workflow, request, delivery);
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      // Whoever started the run through a client has seen it accepted and must be able to see why it ended.
      if (delivery.infoWritten && stored === null)
        await this.#failUnbegun(delivery, request, workflow, error);
      await bury(this.#scope, delivery, request.runId, error.code, error.message);
      return null;
    }
  }

  async #failUnbegun(
    delivery: Delivery,
    request: StartRequest,
    workflow: AnyWorkflow,
    error: FloxideError,
  ): Promise<void> {
    const now = this.#scope.clock.now();
    const site = { node: workflow.start, item: null, attempt: null, now };
    const failed: Checkpoint = {
      ...newCheckpoint(
        {
          runId: request.runId,
          workflow: workflow.name,
          version: workflow.version,
          fingerprint: workflow.fingerprint,
          inputHash: inputHashOf(request),
          startSeq: delivery.seq,
          context: {},
          createdAt: delivery.acceptedAt,
        },
        now,
      ),
      started: true,
      status: "failed",
      finishedAt: new Date(now).toISOString(),
      failure: toFailure(error, site),
    };
    const revision = await this.#scope.backend.contexts.create(failed);
    if (revision !== null) await projectRun(this.#scope.backend, failed, revision);
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

  /** The run was paused before anybody took its start request. */
  async #beginPrepared(
    delivery: Delivery,
    session: RunSession,
    workflow: AnyWorkflow,
    { start }: Beginning,
  ): Promise<void> {
    const carry = this.#carry(delivery, START_CARRIER, session, workflow);
    const { checkpoint, revision } = await session.commit(start);
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
    request: StartRequest,
    stored: Checkpoint,
    session: RunSession,
  ): Promise<void> {
    if (stored.startSeq === delivery.seq) {
      const workflow = this.#fit.of(delivery, stored);
      if (workflow === null) return;
      await this.#carry(delivery, START_CARRIER, session, workflow).run(
        stored,
        session.known?.revision ?? 0,
      );
      return;
    }
    if (stored.inputHash === inputHashOf(request)) {
      this.#scope.log.debug(
        { runId: stored.runId, subject: delivery.subject },
        "repeated start request dropped",
      );
      delivery.ack();
      return;
    }
    const reason = `run "${stored.runId}" exists with a different workflow, input or context`;
    await bury(this.#scope, delivery, stored.runId, "conflict", reason);
  }

  #carry(delivery: Delivery, carrier: number, session: RunSession, workflow: AnyWorkflow): Carry {
    return new Carry(this.#scope, this.#executor, delivery, carrier, session, workflow);
  }
}
