import type { Refusal } from "../core/checkpoint/change.ts";
import type { Checkpoint } from "../core/checkpoint/checkpoint.ts";
import { isTerminal } from "../core/checkpoint/checkpoint.ts";
import { carriedBy, dueMs } from "../core/checkpoint/inspect.ts";
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
// 1. The message is acknowledged only when everything it vouched for is committed, has a message of its own, or
//    will be queued again by whoever resumes the run.
// 2. A node starts only on a checkpoint that says `running`, and no step lies between that look and the start.
// 3. When a commit is refused because somebody else carries the same items, the message is left alone: it comes
//    back after the acknowledgement wait, and by then the checkpoint tells what is left of it.
// 4. The message goes on with the first item in place and hands the others over to the queue.

/** How a carry ended, for the message. */
type Ending =
  | { readonly type: "ack" }
  | { readonly type: "give-back"; readonly delayMs: number }
  | { readonly type: "leave" };

const ACK: Ending = { type: "ack" };
const GIVE_BACK: Ending = { type: "give-back", delayMs: 0 };
const LEAVE: Ending = { type: "leave" };
const YIELD_AFTER_MS = 5_000;

export class Carry {
  readonly #scope: WorkerScope;
  readonly #executor: Executor;
  readonly #delivery: Delivery;
  readonly #carrier: number;
  readonly #session: RunSession;
  readonly #workflow: AnyWorkflow;
  /** What must be done before the message may be acknowledged. */
  readonly #before: Promise<unknown>[] = [];

  constructor(
    scope: WorkerScope,
    executor: Executor,
    delivery: Delivery,
    carrier: number,
    session: RunSession,
    workflow: AnyWorkflow,
  ) {
    this.#scope = scope;
    this.#executor = executor;
    this.#delivery = delivery;
    this.#carrier = carrier;
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
    if (ending.type === "ack") this.#delivery.ack();
    else if (ending.type === "give-back") this.#delivery.giveBack(ending.delayMs);
  }

  async #walk(first: Checkpoint, firstRevision: number): Promise<Ending> {
    let checkpoint = first;
    let revision = firstRevision;
    let carried: readonly number[] = carriedBy(checkpoint, this.#carrier);
    const until = this.#scope.clock.now() + YIELD_AFTER_MS;
    for (let step = 0; ; step++) {
      if (checkpoint.status !== "running") return this.#stopped(checkpoint, revision);
      const { now: next, ending } = this.#share(checkpoint, revision, carried);
      if (next === null) return ending;
      if (this.#scope.stopping() && step === 0) return GIVE_BACK;
      if (this.#yields(step, until)) {
        this.#handOver(checkpoint, revision, [next]);
        return ACK;
      }
      const done = await this.#executor.execute({
        session: this.#session,
        workflow: this.#workflow,
        id: next,
        carrier: this.#carrier,
        // Only what was there when the message came again can have been lost with an earlier delivery.
        again: step === 0 && this.#delivery.deliveries > 1,
        deliveries: this.#delivery.deliveries,
      });
      if (done.type === "given-back") return GIVE_BACK;
      if (done.type === "refused") return this.#afterRefusal(done.checkpoint, done.refusal);
      ({ checkpoint, revision } = done);
      carried = done.items;
      this.#gatherHistory(checkpoint);
    }
  }

  /** True where the rest of the chain is to go through the queue. */
  #yields(step: number, until: number): boolean {
    const { options, clock, stopping } = this.#scope;
    return stopping() || step >= options.stepsInPlace || clock.now() > until;
  }

  /** Keeps the first item that may run for this message and gives the others messages of their own. */
  #share(
    checkpoint: Checkpoint,
    revision: number,
    carried: readonly number[],
  ): { readonly now: number | null; readonly ending: Ending } {
    const at = this.#scope.clock.now();
    const due: number[] = [];
    const later: number[] = [];
    for (const id of carried) {
      const item = checkpoint.items[id];
      if (item === undefined) continue;
      (dueMs(item) <= at ? due : later).push(id);
    }
    const [first, ...others] = due;
    const [alone] = later;
    if (first === undefined && later.length === 1 && alone !== undefined) {
      const item = checkpoint.items[alone];
      const wait = item === undefined ? 0 : dueMs(item) - at;
      const counted = item?.deliveries === this.#delivery.deliveries;
      if (counted && wait <= SHORT_WAIT_MS && item?.hold === undefined) {
        return { now: null, ending: { type: "give-back", delayMs: Math.max(1, wait) } };
      }
    }
    this.#handOver(checkpoint, revision, [...others, ...later]);
    return { now: first ?? null, ending: ACK };
  }

  #handOver(checkpoint: Checkpoint, revision: number, ids: readonly number[]): void {
    if (ids.length === 0) return;
    const { backend, clock } = this.#scope;
    this.waitFor(
      requeue(backend.queue, checkpoint, revision, ids, clock.now()).then(() => {
        this.#session.later({ type: "handed-over", items: ids });
      }),
    );
  }

  #stopped(checkpoint: Checkpoint, revision: number): Ending {
    if (!isTerminal(checkpoint.status)) return ACK;
    // Whoever ended the run writes its projections. Where that may have been this message, before it came again or
    // in this very carry, they are written now.
    this.waitFor(this.#finish(checkpoint, revision));
    return ACK;
  }

  async #finish(checkpoint: Checkpoint, revision: number): Promise<void> {
    const claimed = this.#session.claimEnd();
    if (!claimed && this.#delivery.deliveries === 1) return;
    await this.#session.infoWritten;
    await projectRun(this.#scope.backend, checkpoint, revision);
    if (claimed) this.#scope.runEnded(checkpoint, revision);
  }

  #afterRefusal(checkpoint: Checkpoint, refusal: Refusal): Ending {
    this.#scope.log.debug(
      { runId: checkpoint.runId, refusal },
      "answer not counted: the run has gone on without it",
    );
    // Another request began the run first, or this one did before its answer was lost: it is looked at anew.
    if (refusal === "started") return GIVE_BACK;
    if (isTerminal(checkpoint.status)) return ACK;
    return carriedBy(checkpoint, this.#carrier).length === 0 ? ACK : LEAVE;
  }

  #gatherHistory(checkpoint: Checkpoint): void {
    const { historySent } = this.#session;
    const upTo = newestEvent(checkpoint);
    if (checkpoint.history.events.length < HISTORY_CHUNK || upTo - historySent < HISTORY_CHUNK)
      return;
    if (isTerminal(checkpoint.status)) return;
    this.#session.historySent = upTo;
    this.waitFor(
      keepHistory(this.#scope.backend, checkpoint, historySent).then(
        () => this.#session.later({ type: "history-kept", upTo }),
        (error: unknown) => {
          // The next chunk begins where this one would have.
          this.#session.historySent = Math.min(this.#session.historySent, historySent);
          throw error;
        },
      ),
    );
  }
}
