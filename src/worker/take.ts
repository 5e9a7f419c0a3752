import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal, newCheckpoint, START_CARRIER } from "../core/checkpoint/checkpoint.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import { toFailure } from "../core/failure.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import type { NewDeadLetter } from "../core/records/dead-letter.ts";
import { toRunInfo } from "../core/records/run-info.ts";
import type { StartRequest } from "../core/records/start-request.ts";
import { inputHashOf } from "../core/records/start-request.ts";
import { WorkMessageSchema } from "../core/records/work-message.ts";
import { projectRun } from "../engine/project.ts";
import type { RunSession } from "../engine/session.ts";
import type { AnyWorkflow, WorkflowRegistry } from "../workflows/index.ts";
import { mergeContext } from "../workflows/index.ts";
import type { Beginning } from "./begin-run.ts";
import { begin, readStart } from "./begin-run.ts";
import { Carry } from "./carry.ts";
import type { Executor } from "./executor.ts";
import type { WorkerScope } from "./scope.ts";
import type { Sessions } from "./sessions.ts";

/** Milliseconds after which work that does not fit this worker is offered again. */
const MISFIT_DELAY_MS = 5_000;
/** Milliseconds after which a message is tried again when the stores could not be reached. */
const OUTAGE_DELAY_MS = 1_000;
/** Milliseconds after which a second request for a run that is just beginning here is looked at again. */
const BEGINNING_DELAY_MS = 1_000;

/** Handles messages of the work queue, whatever they contain. */
export class Taker {
  readonly #scope: WorkerScope;
  readonly #registry: WorkflowRegistry;
  readonly #sessions: Sessions;
  readonly #executor: Executor;
  readonly #misfits = new Set<string>();

  constructor(scope: WorkerScope, registry: WorkflowRegistry, sessions: Sessions, executor: Executor) {
    this.#scope = scope;
    this.#registry = registry;
    this.#sessions = sessions;
    this.#executor = executor;
  }

  /** Handles one message to its end. Never rejects: what cannot be handled goes back, or to the dead letters. */
  async take(delivery: Delivery): Promise<void> {
    try {
      if (delivery.kind === "start") await this.#takeStart(delivery);
      else await this.#takeWork(delivery);
    } catch (error) {
      this.#failed(delivery, error);
    }
  }

  #failed(delivery: Delivery, error: unknown): void {
    const { subject, seq, deliveries } = delivery;
    const fields = { err: error, subject, seq, deliveries, workerId: this.#scope.options.workerId };
    if (isFloxideError(error, "backend")) this.#scope.log.warn(fields, "JetStream is out of reach: the work goes back");
    else this.#scope.log.error(fields, "handling a message failed: the work goes back");
    delivery.giveBack(OUTAGE_DELAY_MS);
  }

  // ---- work of runs that have begun

  async #takeWork(delivery: Delivery): Promise<void> {
    const parsed = WorkMessageSchema.safeParse(decode(delivery.body));
    if (!parsed.success) {
      await this.#bury(delivery, null, "validation", `the work item does not fit: ${parsed.error.message}`);
      return;
    }
    const { runId, item, revision } = parsed.data;
    const session = this.#sessions.acquire(runId);
    try {
      const view = await this.#load(delivery, session, revision);
      if (view === null) return;
      const workflow = this.#fitting(delivery, view.checkpoint);
      if (workflow === null) return;
      await this.#carry(delivery, item, session, workflow).run(view.checkpoint, view.revision);
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
      const view = delivery.deliveries > 1 ? await session.reload(revision) : await session.load(revision);
      if (view !== null && view.revision > 0) return view;
      this.#scope.log.info({ runId: session.runId, subject: delivery.subject }, "work of a run that is gone dropped");
      delivery.ack();
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      await this.#bury(delivery, session.runId, error.code, error.message);
    }
    return null;
  }

  /** The workflow that the run follows, or null after the work was left for a worker that has it. */
  #fitting(delivery: Delivery, checkpoint: Checkpoint): AnyWorkflow | null {
    const { workflow: name, version, fingerprint } = checkpoint;
    const workflow = this.#known(name, version);
    if (workflow !== null && (fingerprint === "" || workflow.fingerprint === fingerprint)) return workflow;
    this.#reportMisfit(name, version, fingerprint, workflow);
    delivery.giveBack(MISFIT_DELAY_MS);
    return null;
  }

  #known(name: string, version: number | null): AnyWorkflow | null {
    try {
      return version === null ? this.#registry.get(name) : this.#registry.get(name, version);
    } catch (error) {
      if (isFloxideError(error, "not_found")) return null;
      throw error;
    }
  }

  #reportMisfit(name: string, version: number, fingerprint: string, mine: AnyWorkflow | null): void {
    const key = `${name}@${version}/${fingerprint}`;
    if (this.#misfits.has(key)) return;
    this.#misfits.add(key);
    const why =
      mine === null
        ? `this worker has no version ${version} of workflow "${name}"`
        : `workflow "${name}" version ${version} has another graph here (${mine.fingerprint}) than the run has ` +
          `(${fingerprint}): give a changed graph a new version`;
    this.#scope.log.error(
      { code: "fingerprint", workflow: name, version, fingerprint, workerId: this.#scope.options.workerId },
      `${why}. The work is left for a worker that fits`,
    );
  }

  // ---- runs that begin

  async #takeStart(delivery: Delivery): Promise<void> {
    let request: StartRequest;
    try {
      request = readStart(delivery, this.#scope.backend.namespace);
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      await this.#bury(delivery, delivery.messageId, error.code, error.message);
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
    if (session.users > 1 && session.known?.revision === 0) {
      delivery.giveBack(BEGINNING_DELAY_MS);
      return;
    }
    const stored = await this.#load0(delivery, session);
    if (stored === undefined) return;
    if (stored?.started === true) {
      await this.#again(delivery, request, stored, session);
      return;
    }
    if (stored !== null && isTerminal(stored.status)) {
      await this.#endBeforeBeginning(delivery, stored, session);
      return;
    }
    const workflow = this.#known(request.workflow, request.version);
    if (workflow === null) {
      this.#reportMisfit(request.workflow, request.version ?? 0, "", null);
      delivery.giveBack(MISFIT_DELAY_MS);
      return;
    }
    const beginning = await this.#begin(delivery, request, workflow, stored);
    if (beginning === null) return;
    if (stored === null) await this.#beginNew(delivery, session, workflow, beginning);
    else await this.#beginPrepared(delivery, session, workflow, beginning);
  }

  /** The stored checkpoint, null where there is none, undefined after the message was buried. */
  async #load0(delivery: Delivery, session: RunSession): Promise<Checkpoint | null | undefined> {
    try {
      const view = await session.reload();
      return view === null || view.revision === 0 ? null : view.checkpoint;
    } catch (error) {
      if (!isFloxideError(error, "validation")) throw error;
      await this.#bury(delivery, session.runId, error.code, error.message);
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
      if (delivery.infoWritten && stored === null) await this.#failUnbegun(delivery, request, workflow, error);
      await this.#bury(delivery, request.runId, error.code, error.message);
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
    this.#scope.log.debug({ runId: run.runId, workflow: run.workflow, version: run.version }, "run begins");
    if (!delivery.infoWritten) {
      session.infoWritten = this.#scope.backend.runs.replace(toRunInfo(checkpoint, 0), []);
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
  async #endBeforeBeginning(delivery: Delivery, stored: Checkpoint, session: RunSession): Promise<void> {
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
      const workflow = this.#fitting(delivery, stored);
      if (workflow === null) return;
      await this.#carry(delivery, START_CARRIER, session, workflow).run(stored, session.known?.revision ?? 0);
      return;
    }
    if (stored.inputHash === inputHashOf(request)) {
      this.#scope.log.debug({ runId: stored.runId, subject: delivery.subject }, "repeated start request dropped");
      delivery.ack();
      return;
    }
    const reason = `run "${stored.runId}" exists with a different workflow, input or context`;
    await this.#bury(delivery, stored.runId, "conflict", reason);
  }

  // ---- common

  #carry(delivery: Delivery, carrier: number, session: RunSession, workflow: AnyWorkflow): Carry {
    session.merge = (context, delta) => mergeContext(workflow.context, context, delta);
    return new Carry(this.#scope, this.#executor, delivery, carrier, session, workflow);
  }

  /** Keeps a message that nobody can handle, with the reason, and takes it out of the queue. */
  async #bury(delivery: Delivery, runId: string | null, code: string, reason: string): Promise<void> {
    const { subject, workflow, body, seq } = delivery;
    const letter: NewDeadLetter = { code, reason, subject, workflow, runId, body };
    await this.#scope.backend.deadLetters.add(letter);
    this.#scope.log.warn({ subject, seq, runId, code }, `dead letter: ${reason}`);
    delivery.ack();
  }
}

function decode(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
