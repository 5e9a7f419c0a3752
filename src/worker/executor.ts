import { v7 as uuid } from "uuid";
import type { ItemChange, Refusal } from "../core/checkpoint/change.ts";
import type { Checkpoint, Item } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { FloxideError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { Committed, RunSession } from "../engine/session.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import type { Case } from "./judge.ts";
import { giveUp, judge, judgeFailure, lostFailure } from "./judge.ts";
import { runNode } from "./run-node.ts";
import type { Running } from "./running.ts";
import type { WorkerScope } from "./scope.ts";

// One item, from "it may run" to its commit. Invariants:
// 1. Between the look at the run's status and the start of the node there is no await.
// 2. An item whose message came again without a commit is a suspect: it may be what killed the worker before. From
//    the second time on this is written down before it is executed, and suspects are executed one at a time, so
//    that the culprit runs out of chances before the items that merely ran beside it do.

/** Deliveries without a commit that are put down to chance: a worker may be restarted under anybody. */
const UNSUSPECTED = 1;

export interface Execute {
  readonly session: RunSession;
  readonly workflow: AnyWorkflow;
  readonly id: number;
  readonly carrier: number;
  /** True where the message was delivered before and the item was there already. */
  readonly again: boolean;
  readonly deliveries: number;
}

export type Executed =
  /** Something was committed. `items` are those that want to run next under the same message. */
  | {
      readonly type: "went-on";
      readonly checkpoint: Checkpoint;
      readonly revision: number;
      readonly items: readonly number[];
    }
  /** The answer, or the item itself, is no longer wanted. */
  | { readonly type: "refused"; readonly checkpoint: Checkpoint; readonly refusal: Refusal }
  /** The worker stops: the message goes back. */
  | { readonly type: "given-back" };

export class Executor {
  readonly #scope: WorkerScope;
  readonly #running: Running;
  #suspects: Promise<unknown> = Promise.resolve();

  constructor(scope: WorkerScope, running: Running) {
    this.#scope = scope;
    this.#running = running;
  }

  /** Executes the item and commits what it answers. @throws FloxideError `backend` where the store is lost */
  async execute(request: Execute): Promise<Executed> {
    const item = request.session.known?.checkpoint.items[request.id];
    if (item?.hold !== undefined) return this.#wake(request, item);
    if (
      item === undefined ||
      !request.again ||
      unaccounted(item, request.deliveries) <= allowed(item)
    ) {
      return this.#executeNow(request);
    }
    const turn = this.#suspects.then(() => this.#executeSuspect(request));
    this.#suspects = turn.catch(() => {});
    return turn;
  }

  async #wake(request: Execute, item: Item): Promise<Executed> {
    return this.#went(
      request,
      await request.session.commit({
        type: "wake",
        item: request.id,
        turn: item.turn,
        carrier: request.carrier,
      }),
    );
  }

  async #executeSuspect(request: Execute): Promise<Executed> {
    const view = await look(request.session);
    const item = view?.checkpoint.items[request.id];
    if (view === null || item === undefined) return this.#executeNow(request);
    const lost = item.lost ?? 0;
    const failure = lostFailure(request.id, item, this.#scope.clock.now(), lost + 1);
    const { workerId } = this.#scope.options;
    this.#scope.log.warn(
      { runId: view.checkpoint.runId, node: item.node, item: request.id, lost: lost + 1, workerId },
      "the item came again without a commit: an execution of it was lost",
    );
    await this.#recordError(
      view.checkpoint,
      failure,
      lost < this.#scope.options.maxLost ? 0 : null,
    );
    if (lost >= this.#scope.options.maxLost) {
      const subject = this.#case(request, item, view.checkpoint);
      return this.#went(request, await request.session.commit(giveUp(subject, failure, 0)));
    }
    const marked = await request.session.commit({
      type: "lost",
      item: request.id,
      turn: item.turn,
      carrier: request.carrier,
      failure,
      // This very delivery is left open: if it is lost too, the next one shows it.
      deliveries: request.deliveries - 1,
    });
    return marked.outcome.applied ? this.#executeNow(request) : this.#went(request, marked);
  }

  async #executeNow(request: Execute): Promise<Executed> {
    const { session, id } = request;
    const view = session.fresh ? session.known : await look(session);
    if (view === null)
      throw new FloxideError("not_found", `run "${session.runId}" has no checkpoint any more`);
    const { checkpoint, revision } = view;
    // A command came while the run was beginning here, and wrote the entry: the request is taken again, with it.
    if (!checkpoint.started && !isTerminal(checkpoint.status)) return { type: "given-back" };
    if (checkpoint.status !== "running")
      return { type: "went-on", checkpoint, revision, items: [] };
    const item = checkpoint.items[id];
    if (item === undefined) return { type: "refused", checkpoint, refusal: "gone" };
    const entry = this.#running.enter(session.runId, id, item);
    const answer = await runNode({
      workflow: request.workflow,
      runId: session.runId,
      id,
      item,
      context: checkpoint.context,
      abort: entry.abort,
      clock: this.#scope.clock,
      log: this.#scope.log,
      newId: uuid,
    });
    this.#running.leave(entry, answer.type === "failed");
    if (answer.type === "aborted") return this.#afterAbort(request, item);
    const subject = this.#case(request, item, checkpoint);
    return this.#commit(request, subject, judge(subject, answer));
  }

  async #commit(request: Execute, subject: Case, change: ItemChange): Promise<Executed> {
    let counted = change;
    let committed: Committed;
    try {
      committed = await request.session.commit(change);
    } catch (error) {
      if (!(error instanceof FloxideError && error.code === "payload_too_large")) throw error;
      counted = judgeFailure(subject, tooLarge(subject.item, error), 0);
      committed = await request.session.commit(counted);
    }
    if (!committed.outcome.applied && committed.outcome.refusal === "outdated") {
      return this.#executeNow(request);
    }
    if (committed.outcome.applied && "failure" in counted) {
      await this.#recordError(
        committed.checkpoint,
        counted.failure,
        counted.type === "retry" ? counted.notBeforeMs : null,
      );
    }
    return this.#went(request, committed, counted);
  }

  #went(
    request: Execute,
    { outcome, checkpoint, revision }: Committed,
    change?: ItemChange,
  ): Executed {
    if (!outcome.applied) return { type: "refused", checkpoint, refusal: outcome.refusal };
    // A hold with a time has nothing to run now, but the message vouches for it until its time is scheduled.
    const timed = change?.type === "hold" && change.untilMs !== null && outcome.items.length === 0;
    return { type: "went-on", checkpoint, revision, items: timed ? [request.id] : outcome.items };
  }

  /** The node was told to stop. A cancelled run wants nothing of it; a worker that stops gives it back. */
  async #afterAbort(request: Execute, item: Item): Promise<Executed> {
    const { session } = request;
    const view = await look(session);
    if (view === null || isTerminal(view.checkpoint.status)) {
      const checkpoint = view?.checkpoint ?? session.known?.checkpoint;
      if (checkpoint === undefined) return { type: "given-back" };
      return { type: "refused", checkpoint, refusal: "terminal" };
    }
    await session.commit({
      type: "give-back",
      item: request.id,
      turn: item.turn,
      carrier: request.carrier,
      deliveries: request.deliveries,
    });
    return { type: "given-back" };
  }

  #case(request: Execute, item: Item, { contextVersion }: Checkpoint): Case {
    const { workflow, id, carrier, deliveries } = request;
    const { options, clock } = this.#scope;
    const fallbackPolicy = options.retry;
    return { workflow, id, item, carrier, contextVersion, deliveries, fallbackPolicy, clock };
  }

  async #recordError(
    checkpoint: Checkpoint,
    failure: Failure,
    retryAtMs: number | null,
  ): Promise<void> {
    const { runId, workflow } = checkpoint;
    const { workerId } = this.#scope.options;
    const { node, item, attempt, kind, message } = failure;
    this.#scope.log.warn(
      { runId, workflow, node, item, attempt, kind, workerId },
      `attempt failed: ${message}`,
    );
    await this.#scope.backend.errors.put({
      runId,
      workflow,
      workerId,
      failure,
      retryAt: retryAtMs === null ? null : new Date(retryAtMs).toISOString(),
    });
  }
}

/** The run as it is now, read only where somebody said that it has changed. */
async function look(session: RunSession): Promise<Versioned | null> {
  let view = session.known;
  while (!session.fresh) view = await session.reload();
  return view;
}

/** Deliveries of its message that ended without a commit, as far as the item knows. */
const unaccounted = (item: Item, deliveries: number): number =>
  deliveries - 1 - (item.deliveries ?? 0);

const allowed = (item: Item): number => (item.lost === undefined ? UNSUSPECTED : 0);

function tooLarge(item: Item, cause: FloxideError): FloxideError {
  return new FloxideError(
    "payload_too_large",
    `what node "${item.node}" gave does not fit into the run's checkpoint: ${cause.message}`,
    { details: cause.details, cause },
  );
}
