import type { ItemChange } from "../core/checkpoint/change.ts";
import type { Checkpoint, Item } from "../core/checkpoint/checkpoint.ts";
import { storedTime } from "../core/checkpoint/item-changes.ts";
import { FloxideError, isFloxideError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import { toFailure } from "../core/failure.ts";
import type { Outside } from "../engine/outside.ts";
import type { RunSession } from "../engine/session.ts";
import type { Committed } from "../engine/settle.ts";
import type { Case } from "./judge.ts";
import { judgeFailure } from "./judge.ts";
import type { WorkerScope } from "./scope.ts";

/** What was committed in the end, and what became of it. */
export interface Counted {
  readonly counted: ItemChange;
  readonly committed: Committed;
}

/** An item that fails its run. */
interface Failing {
  readonly id: number;
  readonly item: Item;
  readonly carrier: number;
  readonly seen: number | undefined;
}

/** Commits what executions came to, in a form that fits, and records those that failed. */
export class Commits {
  readonly #scope: WorkerScope;
  readonly #outside: Outside;

  constructor(scope: WorkerScope, outside: Outside) {
    this.#scope = scope;
    this.#outside = outside;
  }

  /** @throws FloxideError `backend` where the store is lost, `not_found` where the run is gone */
  async commit(session: RunSession, subject: Case, change: ItemChange): Promise<Counted> {
    return this.#recorded(await this.#commit(session, subject, change));
  }

  /**
   * Fails the run with the item. What does not fit is cut to the bone.
   *
   * @param of - with `seen` only while the context is of that version
   */
  async fail(session: RunSession, of: Failing, error: FloxideError): Promise<Counted> {
    const { id, item, carrier, seen } = of;
    const at = { node: item.node, item: id, attempt: item.attempt, now: this.#scope.clock.now() };
    const change = {
      type: "fail",
      item: id,
      turn: item.turn,
      carrier,
      ms: 0,
      failure: toFailure(error, at),
      ...(seen === undefined ? {} : { seen }),
    } as const;
    return this.#recorded(await this.#commitFailure(session, change));
  }

  /** Writes down a failed attempt that counted. @param retryAtMs - when the next one may begin; null where none does */
  async recordError(
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
      retryAt: retryAtMs === null ? null : storedTime(retryAtMs),
    });
  }

  async #commit(session: RunSession, subject: Case, change: ItemChange): Promise<Counted> {
    try {
      const isWide = "routed" in change && this.#outside.isWide(change.routed);
      const counted = isWide ? await this.#spread(session, change) : change;
      return { counted, committed: await session.commit(counted) };
    } catch (error) {
      if (isFloxideError(error, "payload_too_large") && canSpread(change)) {
        return this.#commitSpread(session, subject, change);
      }
      return this.#commitFailure(session, instead(subject, change, error));
    }
  }

  /** What did not fit with all its branches in the checkpoint, with them outside. */
  async #commitSpread(session: RunSession, subject: Case, change: Forking): Promise<Counted> {
    try {
      const counted = await this.#spread(session, change);
      return { counted, committed: await session.commit(counted) };
    } catch (error) {
      return this.#commitFailure(session, instead(subject, change, error));
    }
  }

  /** Commits a failure; one that does not fit either is cut to the bone, and fails the run. */
  async #commitFailure(session: RunSession, change: ItemChange): Promise<Counted> {
    try {
      return { counted: change, committed: await session.commit(change) };
    } catch (error) {
      if (!isFloxideError(error, "payload_too_large") || !("failure" in change)) throw error;
      const message = change.failure.message.slice(0, 200);
      const failure = { ...change.failure, stack: null, message };
      const { item, turn, carrier } = change;
      const seen = change.type === "fail" && change.seen !== undefined ? { seen: change.seen } : {};
      const counted = { type: "fail", item, turn, carrier, ms: 0, failure, ...seen } as const;
      return { counted, committed: await session.commit(counted) };
    }
  }

  /** The change, with what follows kept outside the checkpoint. */
  async #spread(session: RunSession, change: Forking): Promise<ItemChange> {
    return { ...change, routed: await this.#outside.keepBranches(session.runId, change.routed) };
  }

  async #recorded(done: Counted): Promise<Counted> {
    const { counted, committed } = done;
    if (committed.outcome.applied && "failure" in counted) {
      const retryAt = counted.type === "retry" ? counted.notBeforeMs : null;
      await this.recordError(committed.checkpoint, counted.failure, retryAt);
    }
    return done;
  }
}

/** A change after which more than one item follows. */
type Forking = Extract<ItemChange, { readonly type: "complete" | "fallback" }>;

const canSpread = (change: ItemChange): change is Forking =>
  "routed" in change &&
  change.routed.forks &&
  change.routed.successors.length > 1 &&
  // What follows with the same input refers to the item that is being ended.
  !change.routed.successors.some((one) => one.type === "item" && one.same === true);

/** An answer that cannot be committed, because it does not fit or cannot be merged, is a failed attempt. */
function instead(subject: Case, change: ItemChange, error: unknown): ItemChange {
  if (isFloxideError(error, "backend") || isFloxideError(error, "not_found")) throw error;
  const isTooLarge = isFloxideError(error, "payload_too_large");
  if (isTooLarge && "failure" in change) {
    // The node failed of something else: that is worth more than that there is no room to try it again.
    const { item, turn, carrier, failure } = change;
    return { type: "fail", item, turn, carrier, ms: 0, failure };
  }
  return judgeFailure(subject, isTooLarge ? tooLarge(subject.item, error) : error, 0);
}

/** The failure of an item whose answer does not fit. */
export function tooLarge(item: Item, cause: FloxideError): FloxideError {
  return new FloxideError(
    "payload_too_large",
    `what node "${item.node}" gave does not fit into the run's checkpoint: ${cause.message}`,
    { details: cause.details, cause },
  );
}
