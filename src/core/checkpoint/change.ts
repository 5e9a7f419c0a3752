import type { Failure } from "../failure.ts";
import type { Json } from "../json.ts";
import type { Routed, Successor } from "./routed.ts";

/** An answer to one execution of one item. It counts only while the item is on the turn that was executed. */
interface Answer {
  readonly item: number;
  readonly turn: number;
  /** Item id of the message that the execution ran under: it vouches for what is added. */
  readonly carrier: number;
}

/** Milliseconds that the node ran. */
interface Timed {
  readonly ms: number;
}

/** What the execution adds to the run's context, by field; null where nothing. */
type Delta = Readonly<Record<string, Json>> | null;

/** An item that was given a message of its own. */
interface HandedOver {
  readonly id: number;
  readonly turn: number;
}

/** All that can happen to a checkpoint. */
export type Change =
  /** The run's first item. Only a checkpoint that is not started takes it. */
  | {
      readonly type: "start";
      readonly node: string;
      readonly input: Json;
      readonly fingerprint: string;
      readonly version: number;
      readonly startSeq: number;
      readonly inputHash: string;
      readonly context: Record<string, Json>;
    }
  /**
   * The node answered `next` or `nextAll`, or a `hold()` that lets the item end.
   *
   * With `seen` the answer counts only while the context is of that version. A `hold()` says "not all have come yet":
   * were it counted after another arrival was merged, each of two could take the other for the last.
   */
  | (Answer &
      Timed & {
        readonly type: "complete";
        readonly delta: Delta;
        readonly routed: Routed;
        readonly seen?: number;
      })
  /** The node parks its item. `untilMs` is milliseconds since the epoch. */
  | (Answer &
      Timed & {
        readonly type: "hold";
        readonly delta: Delta;
        readonly for: string | null;
        readonly untilMs: number | null;
      })
  /** The attempt failed and another follows, not before `notBeforeMs`. */
  | (Answer &
      Timed & {
        readonly type: "retry";
        readonly failure: Failure;
        readonly notBeforeMs: number;
        /** Deliveries of the message so far, where the same message brings the next attempt. */
        readonly deliveries: number;
      })
  /** The last attempt failed; the `onError` edges take over. */
  | (Answer &
      Timed & { readonly type: "fallback"; readonly failure: Failure; readonly routed: Routed })
  /**
   * The last attempt failed and nothing takes over: so does the run. With `seen` only while the context is of that version:
   * what is missing of it may have been written anew.
   */
  | (Answer & Timed & { readonly type: "fail"; readonly failure: Failure; readonly seen?: number })
  /** The item's message came again: the execution that follows is written down. */
  | (Answer & { readonly type: "try" })
  /** An execution that was written down was never heard of again; another follows, written down as well. */
  | (Answer & {
      readonly type: "lost";
      readonly failure: Failure;
      /** How many that makes in a row. */
      readonly lost: number;
    })
  /** The worker gives the item back unexecuted: the delivery is accounted for. */
  | (Answer & { readonly type: "give-back"; readonly deliveries: number })
  /** The next branches of a wide fork begin. */
  | (Answer & { readonly type: "open"; readonly successors: readonly Successor[] })
  /** The time of a hold has come. */
  | (Answer & { readonly type: "wake" })
  /**
   * These items, at these turns, have messages of their own now. Worth a write only where `before` something that counts
   * on it.
   */
  | {
      readonly type: "handed-over";
      readonly items: readonly HandedOver[];
      readonly before?: "ack";
    }
  /** Events up to this number are in the history stream. Never worth a write by itself. */
  | { readonly type: "history-kept"; readonly upTo: number }
  | { readonly type: "signal"; readonly id: string; readonly name: string; readonly payload: Json }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "cancel" }
  /** The stores came back older than they were. `event` is a number above that of every event known of the run. */
  | { readonly type: "restored"; readonly event: number }
  /** What the run would begin with is gone: its start request, and what came of it. `event` as above. */
  | { readonly type: "give-up"; readonly event: number; readonly failure: Failure }
  /** The start request of a run that was given up is sent again. */
  | { readonly type: "await-start" };

/** Changes that answer an execution. */
export type ItemChange = Extract<Change, Answer>;

/** Why a change does not count. */
export type Refusal =
  /** The item has ended: somebody committed it before. */
  | "gone"
  /** The item is there, on another turn. */
  | "stale"
  /** The context has changed since the node saw it, and the answer depends on it: execute again. */
  | "outdated"
  /** The run has ended. */
  | "terminal"
  /** The run is in a status that does not take this command, or already where the command leads. */
  | "status"
  /** The run has begun already. */
  | "started"
  /** As many signals wait as a checkpoint keeps. */
  | "full";

export type Outcome =
  | {
      readonly applied: true;
      /** Items that now want to run: added, released or to be queued again. */
      readonly items: readonly number[];
    }
  | { readonly applied: false; readonly refusal: Refusal };

export const applied = (items: readonly number[] = []): Outcome => ({ applied: true, items });
export const refused = (refusal: Refusal): Outcome => ({ applied: false, refusal });
