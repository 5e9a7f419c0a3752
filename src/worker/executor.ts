import type { ItemChange, Refusal } from "../core/checkpoint/change.ts";
import type { Checkpoint, Item } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { dueMs } from "../core/checkpoint/inspect.ts";
import { isOutside, lostFields } from "../core/checkpoint/wide.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { newId } from "../core/new-id.ts";
import type { Outside } from "../engine/outside.ts";
import type { RunSession } from "../engine/session.ts";
import type { Committed } from "../engine/settle.ts";
import type { AnyWorkflow } from "../workflows/index.ts";
import { Commits, tooLarge } from "./commits.ts";
import type { Case } from "./judge.ts";
import { giveUp, judge, lostFailure } from "./judge.ts";
import { runNode } from "./run-node.ts";
import type { Running } from "./running.ts";
import type { WorkerScope } from "./scope.ts";

// One item, from "it may run" to its commit. Invariants:
// 1. Between the look at the run's status and the start of the node there is no await.
// 2. Before an item whose message came again is executed, that is written down. A message may come again for many
//    reasons; only an execution that was written down and not heard of again counts as lost.
// 3. Items that lost an execution are executed one at a time, so that one that kills its process runs out of chances
//    before those that merely ran beside it do.

export interface Execute {
  readonly session: RunSession;
  readonly workflow: AnyWorkflow;
  readonly id: number;
  /** The item that the message is for, and its turn that it is for. */
  readonly carrier: number;
  readonly turn: number;
  /** True where the message was delivered before and the item was there already. */
  readonly again: boolean;
  readonly deliveries: number;
  /** The item's input, where not all of it is in the checkpoint. */
  readonly input?: Json;
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
  readonly #outside: Outside;
  readonly #commits: Commits;
  #suspects: Promise<unknown> = Promise.resolve();

  constructor(scope: WorkerScope, running: Running, outside: Outside) {
    this.#scope = scope;
    this.#outside = outside;
    this.#commits = new Commits(scope, outside);
    this.#running = running;
  }

  /** Executes the item and commits what it answers. @throws FloxideError `backend` where the store is lost */
  async execute(request: Execute): Promise<Executed> {
    const view = request.session.known;
    const item = view?.checkpoint.items[request.id];
    if (view !== null && item !== undefined) {
      if (item.opens === true) return this.#open(request, view.checkpoint, item);
      if (item.hold !== undefined) return this.#wake(request, item);
      if (isOutside(item) && request.input === undefined) {
        const input = await this.#outside.inputOf(view.checkpoint, item);
        if (input === undefined) return this.#fail(request, item, gone(item, "the input"));
        return this.execute({ ...request, input });
      }
    }
    if (item === undefined || !request.again || isExpected(item, request.deliveries)) {
      return this.#executeNow(request, item?.turn);
    }
    if (item.trying !== true) {
      const { id } = request;
      const carrier = voucherOf(request, item);
      const change = { type: "try", item: id, turn: item.turn, carrier } as const;
      return this.#executeAfter(request, item, await request.session.commit(change));
    }
    const executed = this.#suspects.then(() => this.#executeSuspect(request, item.turn));
    this.#suspects = executed.catch(() => {});
    return executed;
  }

  async #wake(request: Execute, item: Item): Promise<Executed> {
    return this.#went(
      request,
      await request.session.commit({
        type: "wake",
        item: request.id,
        turn: item.turn,
        carrier: voucherOf(request, item),
      }),
    );
  }

  /** Opens the next branches of a wide fork. */
  async #open(request: Execute, checkpoint: Checkpoint, item: Item): Promise<Executed> {
    const { session, id } = request;
    const carrier = voucherOf(request, item);
    const successors = await this.#outside.nextBranches(checkpoint, item);
    if (successors === null) return this.#fail(request, item, gone(item, "the inputs of branches"));
    const change = { type: "open", item: id, turn: item.turn, carrier, successors } as const;
    try {
      const committed = await session.commit(change);
      return isOutdated(committed)
        ? this.#executeNow(request, item.turn)
        : this.#went(request, committed, change);
    } catch (error) {
      if (!isFloxideError(error, "payload_too_large")) throw error;
      return this.#fail(request, item, tooLarge(item, error));
    }
  }

  /**
   * Fails the run with the item, whatever its policy: another attempt would be no better.
   *
   * @param seen - version of the context that it fails of, where that may have been written anew: then the item is executed
   */
  async #fail(request: Execute, item: Item, error: FloxideError, seen?: number): Promise<Executed> {
    const { session, id } = request;
    const of = { id, item, carrier: voucherOf(request, item), seen };
    const { committed, counted } = await this.#commits.fail(session, of, error);
    return isOutdated(committed)
      ? this.#executeNow(request, item.turn)
      : this.#went(request, committed, counted);
  }

  /** @param turn - that in which the item was found suspect, before others had their turn */
  async #executeSuspect(request: Execute, turn: number): Promise<Executed> {
    const view = await request.session.current();
    const item = view?.checkpoint.items[request.id];
    const isSuspect = item?.trying === true && item.turn === turn;
    if (view === null || !isSuspect || this.#scope.stopping()) {
      return this.#executeNow(request, turn);
    }
    const { id, session } = request;
    const carrier = voucherOf(request, item);
    const lost = (item.lost ?? 0) + 1;
    const isLast = lost >= this.#scope.options.maxLost;
    const failure = lostFailure(id, item, this.#scope.clock.now(), lost + 1);
    const { input = item.input } = request;
    const subject = this.#case(request, { ...item, input }, view.checkpoint);
    const change: ItemChange = isLast
      ? giveUp(subject, failure, 0)
      : { type: "lost", item: id, turn: item.turn, carrier, failure, lost };
    const committed = await session.commit(change);
    if (committed.outcome.applied) {
      const now = this.#scope.clock.now();
      await this.#commits.recordError(committed.checkpoint, failure, isLast ? null : now);
    }
    return isLast
      ? this.#went(request, committed, change)
      : this.#executeAfter(request, item, committed);
  }

  /** Executes the item once it is written down that it is tried. */
  #executeAfter(request: Execute, item: Item, committed: Committed): Executed | Promise<Executed> {
    if (!committed.outcome.applied) return this.#went(request, committed);
    // What is not executed after all must not be found as an execution that was never heard of again.
    return this.#scope.stopping()
      ? this.#giveBack(request, item)
      : this.#executeNow(request, item.turn);
  }

  /** @param turn - that in which the item was found to want execution */
  async #executeNow(request: Execute, turn: number | undefined): Promise<Executed> {
    const { session, id } = request;
    if (this.#scope.stopping()) return { type: "given-back" };
    const view = session.fresh ? session.known : await session.current();
    if (view === null)
      throw new FloxideError("not_found", `run "${session.runId}" has no checkpoint any more`);
    const { checkpoint, revision } = view;
    // A command came while the run was beginning here, and wrote the entry: the request is taken again, with it.
    if (!checkpoint.started && !isTerminal(checkpoint.status)) return { type: "given-back" };
    if (checkpoint.status !== "running")
      return { type: "went-on", checkpoint, revision, items: [] };
    const stored = checkpoint.items[id];
    if (stored === undefined) return { type: "refused", checkpoint, refusal: "gone" };
    // Somebody else has gone on with it. It may even wait for something, and its time may have come: then it is not to
    // be executed but to be woken.
    if (turn !== undefined && stored.turn !== turn)
      return { type: "refused", checkpoint, refusal: "stale" };
    const instead = this.#instead(request, checkpoint, stored);
    if (instead !== null) return instead;
    const item = request.input === undefined ? stored : { ...stored, input: request.input };
    if (dueMs(item) > this.#scope.clock.now()) {
      return { type: "went-on", checkpoint, revision, items: [id] };
    }
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
      newId,
    });
    this.#running.leave(entry, answer.type === "failed");
    if (answer.type === "aborted") return this.#afterAbort(request, item);
    const subject = this.#case(request, item, checkpoint);
    return this.#commit(request, subject, judge(subject, answer));
  }

  /** What is done where the node cannot be executed now; null where it can. */
  #instead(request: Execute, checkpoint: Checkpoint, item: Item): Promise<Executed> | null {
    const lost = lostFields(checkpoint);
    if (lost.length > 0) {
      const error = gone(item, `"${lost.join('", "')}" of the context`);
      return this.#fail(request, item, error, checkpoint.contextVersion);
    }
    if (item.opens === true) return this.#open(request, checkpoint, item);
    return isOutside(item) && request.input === undefined ? this.execute(request) : null;
  }

  async #commit(request: Execute, subject: Case, change: ItemChange): Promise<Executed> {
    const { committed, counted } = await this.#commits.commit(request.session, subject, change);
    return isOutdated(committed)
      ? this.#executeNow(request, subject.item.turn)
      : this.#went(request, committed, counted);
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
    const view = await session.current();
    if (view === null || isTerminal(view.checkpoint.status)) {
      const checkpoint = view?.checkpoint ?? session.known?.checkpoint;
      if (checkpoint === undefined) return { type: "given-back" };
      return { type: "refused", checkpoint, refusal: "terminal" };
    }
    return this.#giveBack(request, item);
  }

  async #giveBack(request: Execute, item: Item): Promise<Executed> {
    const { session, id, deliveries } = request;
    const carrier = voucherOf(request, item);
    await session.commit({ type: "give-back", item: id, turn: item.turn, carrier, deliveries });
    return { type: "given-back" };
  }

  #case(request: Execute, item: Item, { contextVersion }: Checkpoint): Case {
    const { workflow, id, deliveries } = request;
    const carrier = voucherOf(request, item);
    const { options, clock } = this.#scope;
    const fallbackPolicy = options.retry;
    return { workflow, id, item, carrier, contextVersion, deliveries, fallbackPolicy, clock };
  }
}

/**
 * The item whose message vouches for this one, as far as is known here. A message of the item itself may be one of an earlier
 * turn, that somebody else has acknowledged when it vouched for nothing: it must not vouch again.
 */
function voucherOf({ id, carrier, turn }: Execute, item: Item): number {
  return id !== carrier || item.turn === turn ? carrier : (item.carrier ?? id);
}

/** True where the message was given back on purpose: a retry that waited in it, or a worker that stopped. */
const isExpected = (item: Item, deliveries: number): boolean =>
  item.deliveries !== undefined && item.deliveries === deliveries - 1;

const isOutdated = ({ outcome }: Committed): boolean =>
  !outcome.applied && outcome.refusal === "outdated";

const gone = (item: Item, what: string): FloxideError =>
  new FloxideError(
    "backend",
    `${what} of node "${item.node}" is not stored any more: JetStream has lost it, or the run is older than it was`,
  );
