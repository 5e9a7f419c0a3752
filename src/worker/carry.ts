import type { Refusal } from "../core/checkpoint/change.ts";
import type { Checkpoint, Item } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { carriedBy, dueMs, mayRun } from "../core/checkpoint/inspect.ts";
import type { Versioned } from "../core/ports/stores.ts";
import type { Delivery } from "../core/ports/work-queue.ts";
import { HISTORY_CHUNK, keepHistory, newestEvent, projectRun } from "../engine/project.ts";
import { requeue } from "../engine/requeue.ts";
import type { RunSession } from "../engine/session.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { mergeContext } from "../workflows/index.ts";
import type { Executor } from "./executor.ts";
import { SHORT_WAIT_MS } from "./judge.ts";
import type { WorkerScope } from "./scope.ts";

// One message and the chain of items it carries. Invariants:
// 1. The message is acknowledged only when a stored checkpoint shows nothing that it vouches for: all of it has ended,
//    has a message of its own, or will be queued again by whoever resumes the run.
// 2. A node starts only on a checkpoint that says `running`, and no step lies between that look and the start.
// 3. A message that somebody else goes on under, who has it in hand too, is left alone: it comes back after the
//    acknowledgement wait, and by then the checkpoint tells what is left of it.
// 4. The message goes on with the first item in place and hands the others over to the queue.

/** How a carry ended, for the message. */
type Ending = { readonly type: "ack" } | { readonly type: "give-back"; readonly delayMs: number };

const ACK: Ending = { type: "ack" };
const GIVE_BACK: Ending = { type: "give-back", delayMs: 0 };
const YIELD_AFTER_MS = 5_000;
/** Milliseconds that a message which came too early for this worker's clock is given back for, at most. */
const LONGEST_DELAY_MS = 30_000;

export class Carry {
  readonly #scope: WorkerScope;
  readonly #executor: Executor;
  readonly #delivery: Delivery;
  readonly #carrier: number;
  readonly #turn: number;
  readonly #session: RunSession;
  readonly #workflow: AnyWorkflow;
  /** What must be done before the message may be acknowledged. */
  readonly #before: Promise<unknown>[] = [];
  /** Items that were given messages of their own, with their turns then. */
  readonly #handedOver = new Map<number, number>();

  /**
   * @param carrier - the item that the message is for
   * @param turn - the item's turn that it is for
   */
  constructor(
    scope: WorkerScope,
    executor: Executor,
    delivery: Delivery,
    { carrier, turn }: { readonly carrier: number; readonly turn: number },
    session: RunSession,
    workflow: AnyWorkflow,
  ) {
    this.#scope = scope;
    this.#executor = executor;
    this.#delivery = delivery;
    this.#carrier = carrier;
    this.#turn = turn;
    this.#session = session;
    this.#workflow = workflow;
    session.merge = (context, delta) => mergeContext(workflow.context, context, delta);
  }

  /** Something else that must be done before the message may go. */
  waitFor(work: Promise<unknown>): void {
    this.#before.push(work);
    // Awaited at the end: until then a rejection must not count as unhandled.
    work.catch(() => {});
  }

  /** Takes the chain as far as it goes here, then tells the queue what became of the message. */
  async run(checkpoint: Checkpoint, revision: number): Promise<void> {
    const ending = await this.#walk(checkpoint, revision);
    await Promise.all(this.#before);
    if (ending.type === "ack" && (await this.#isFree())) this.#delivery.ack();
    else if (ending.type === "give-back") this.#delivery.giveBack(ending.delayMs);
  }

  /**
   * True where the message vouches for nothing more, and never will again.
   *
   * Somebody else may have the same message in hand and have gone on under it. Once a checkpoint that is stored shows
   * nothing under it, nothing more can come: what follows from an item is vouched for by what vouches for the item.
   */
  async #isFree(): Promise<boolean> {
    // What is known may have been given up meanwhile, because the store has lost writes.
    const view = this.#session.known ?? (await this.#session.reload());
    if (view === null || view.checkpoint.status !== "running") return true;
    // A later message of the carrier itself, which is stored by now, vouches for the same as this one.
    if (this.#handedOver.has(this.#carrier)) return true;
    const { items } = view.checkpoint;
    const left = [...this.#handedOver]
      .map(([id, turn]) => ({ id, turn }))
      .filter(({ id, turn }) => items[id]?.carrier === this.#carrier && items[id].turn === turn);
    const { checkpoint } =
      left.length === 0
        ? view
        : await this.#session.commit({ type: "handed-over", items: left, before: "ack" });
    if (checkpoint.status !== "running") return true;
    return carriedBy(checkpoint, this.#carrier, this.#turn).every(
      (id) => this.#handedOver.get(id) === checkpoint.items[id]?.turn,
    );
  }

  async #walk(first: Checkpoint, firstRevision: number): Promise<Ending> {
    let view: Versioned = { checkpoint: first, revision: firstRevision };
    let carried: readonly number[] = carriedBy(first, this.#carrier, this.#turn);
    const until = this.#scope.clock.now() + YIELD_AFTER_MS;
    for (let step = 0; ; step++) {
      // Where somebody has cancelled or paused the run nothing more of it may be queued from here. Another carry may have
      // read that already, since this one looked.
      const { fresh, known } = this.#session;
      const newest = fresh ? later(view, known) : await this.#session.current();
      if (newest === null) return ACK;
      view = newest;
      const next = this.#next(view, carried, step, until);
      if (typeof next !== "number") return next;
      const done = await this.#executor.execute({
        session: this.#session,
        workflow: this.#workflow,
        id: next,
        carrier: this.#carrier,
        turn: this.#turn,
        // Only what was there when the message came again can have been lost with an earlier delivery.
        again: step === 0 && this.#delivery.deliveries > 1,
        deliveries: this.#delivery.deliveries,
      });
      if (done.type === "given-back") return GIVE_BACK;
      if (done.type === "refused") return this.#afterRefusal(done.checkpoint, next, done.refusal);
      view = done;
      carried = done.items;
      this.#gatherHistory(view.checkpoint);
    }
  }

  /** The item to execute now, or how it ends. Between this and what it looked at lies no asynchronous step. */
  #next(
    { checkpoint, revision }: Versioned,
    carried: readonly number[],
    step: number,
    until: number,
  ): number | Ending {
    // It was steered while it began here and nothing was written: its request is looked at anew.
    if (!checkpoint.started) return GIVE_BACK;
    if (checkpoint.status !== "running") return this.#stopped(checkpoint, revision);
    const { now: next, ending } = this.#share(checkpoint, revision, carried, step);
    if (next === null) return ending;
    if (this.#scope.stopping() && step === 0) return GIVE_BACK;
    if (!this.#yields(step, until)) return next;
    this.#handOver(checkpoint, revision, [next], this.#scope.clock.now());
    return ACK;
  }

  /** True where the rest of the chain is to go through the queue. */
  #yields(step: number, until: number): boolean {
    const { options, clock, stopping } = this.#scope;
    // The item that the message is for would get a message of the same id, and the queue keeps none of those.
    if (step === 0) return false;
    return stopping() || step >= options.stepsInPlace || clock.now() > until;
  }

  /** Keeps the first item that may run for this message and gives the others messages of their own. */
  #share(
    checkpoint: Checkpoint,
    revision: number,
    carried: readonly number[],
    step: number,
  ): { readonly now: number | null; readonly ending: Ending } {
    const at = this.#scope.clock.now();
    const due: number[] = [];
    const later: number[] = [];
    for (const id of carried) {
      const item = checkpoint.items[id];
      if (item === undefined || !mayRun(item)) continue;
      (dueMs(item) <= at ? due : later).push(id);
    }
    const [first, ...others] = due;
    const [alone] = later;
    if (first === undefined && alone !== undefined && later.length === 1) {
      const delayMs = this.#delayOf(checkpoint.items[alone], at, step);
      if (delayMs !== null) return { now: null, ending: { type: "give-back", delayMs } };
    }
    this.#handOver(checkpoint, revision, [...others, ...later], at);
    return { now: first ?? null, ending: ACK };
  }

  /** Milliseconds after which the message itself is to bring the item it carries; null where it is not to. */
  #delayOf(item: Item | undefined, at: number, step: number): number | null {
    if (item === undefined) return null;
    const wait = dueMs(item) - at;
    if (wait === Number.POSITIVE_INFINITY) return null;
    if (step === 0 && this.#delivery.deliveries === 1) {
      // Sent by a clock that is ahead of this one. Scheduled again it would be here again at once.
      return Math.min(Math.max(1, wait), LONGEST_DELAY_MS);
    }
    const counted = item.deliveries === this.#delivery.deliveries;
    return counted && wait <= SHORT_WAIT_MS && item.hold === undefined ? Math.max(1, wait) : null;
  }

  /** @param at - the moment at which they were found to be due, or not yet */
  #handOver(checkpoint: Checkpoint, revision: number, ids: readonly number[], at: number): void {
    if (ids.length === 0) return;
    const queued = requeue(this.#scope.backend.queue, checkpoint, revision, ids, at);
    this.#session.publishing(queued);
    const items = ids.map((id) => ({ id, turn: checkpoint.items[id]?.turn ?? 0 }));
    for (const { id, turn } of items) this.#handedOver.set(id, turn);
    this.waitFor(queued.then(() => this.#session.later({ type: "handed-over", items })));
  }

  #stopped(checkpoint: Checkpoint, revision: number): Ending {
    if (!isTerminal(checkpoint.status)) return ACK;
    // Whoever ended the run writes its projections. Where that may have been this message, in this very carry or in
    // other hands, they are written now.
    this.waitFor(this.#finish(checkpoint, revision));
    return ACK;
  }

  async #project({ checkpoint, revision }: Versioned): Promise<void> {
    await this.#session.infoWritten;
    await projectRun(this.#scope.backend, checkpoint, revision);
  }

  async #finish(checkpoint: Checkpoint, revision: number): Promise<void> {
    const session = this.#session;
    if (session.claimEnd()) {
      session.endShown = this.#project({ checkpoint, revision });
      await session.endShown;
      this.#scope.runEnded(checkpoint, revision);
      return;
    }
    // Which of the messages in this process's hands would bring the projections after its death, nobody knows: all wait.
    if (session.endedHere) await session.endShown;
    else if (this.#delivery.deliveries > 1 || endedWith(checkpoint, this.#carrier))
      await this.#project({ checkpoint, revision });
  }

  #afterRefusal(checkpoint: Checkpoint, id: number, refusal: Refusal): Ending {
    this.#scope.log.debug(
      { runId: checkpoint.runId, refusal },
      "answer not counted: the run has gone on without it",
    );
    // Another request began the run first, or this one did before its answer was lost: it is looked at anew.
    if (refusal === "started") return GIVE_BACK;
    // Somebody with the same message in hand has ended the run with this item. Once the message is acknowledged here
    // nothing would bring the projections, if he died before he wrote them.
    if (isTerminal(checkpoint.status) && endedWith(checkpoint, id) && this.#session.known !== null)
      this.waitFor(this.#project(this.#session.known));
    return ACK;
  }

  #gatherHistory(checkpoint: Checkpoint): void {
    const { historySent } = this.#session;
    const upTo = newestEvent(checkpoint);
    if (checkpoint.history.events.length < HISTORY_CHUNK || upTo - historySent < HISTORY_CHUNK)
      return;
    if (isTerminal(checkpoint.status)) return;
    const session = this.#session;
    session.historySent = upTo;
    const stored = keepHistory(this.#scope.backend, checkpoint, historySent);
    // That a chunk is kept lets go of those before it as well.
    const inOrder = Promise.all([session.historyStored, stored]);
    session.historyStored = inOrder;
    this.waitFor(
      inOrder.then(
        () => session.later({ type: "history-kept", upTo }),
        (error: unknown) => {
          // The next chunk begins where this one would have.
          session.historySent = Math.min(session.historySent, historySent);
          if (session.historyStored === inOrder) session.historyStored = Promise.resolve();
          throw error;
        },
      ),
    );
  }
}

/** What is known of a run, where it is later than what was looked at. */
const later = (view: Versioned, known: Versioned | null): Versioned =>
  known !== null && known.revision > view.revision ? known : view;

/**
 * True where the run may have ended under the message of this item: it is none of those that were pending then, or one that
 * opens branches, which are under its message too.
 */
const endedWith = ({ items }: Checkpoint, id: number): boolean =>
  items[id] === undefined || items[id].failed === true || items[id].opens === true;
