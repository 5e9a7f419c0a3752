import type { StartRequest } from "../records/start-request.ts";
import type { QueuedItem } from "../records/work-message.ts";

/** Two queues in one: requests that begin runs, and items of runs that have begun. */
export type QueueKind = "start" | "work";

/** What a worker takes from: one kind of one workflow's work. */
export interface QueueSource {
  readonly kind: QueueKind;
  readonly workflow: string;
}

/** One message in a worker's hands. Until it is acknowledged the queue will give it to somebody again. */
export interface Delivery extends QueueSource {
  readonly subject: string;
  /** Position in the queue's stream. */
  readonly seq: number;
  /** 1 the first time. More means that somebody had it before and did not acknowledge it. */
  readonly deliveries: number;
  /** When the queue accepted it, in milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly messageId: string | null;
  /** True where whoever published it has also written the run's info. */
  readonly infoWritten: boolean;
  /** Why it must not be executed: nobody who is trusted has signed it. Null where it may be. */
  readonly distrust: string | null;
  readonly body: string;
  /** Removes the message. May be lost: then it comes again, and the checkpoint says that it is done. */
  ack(): void;
  /** Gives it back, at once or after `delayMs`. */
  giveBack(delayMs?: number): void;
  /** Says that it is being worked on: the acknowledgement wait begins anew. */
  working(): void;
}

/** A message of a run that waits in the queue. */
export interface QueuedMessage {
  readonly item: number;
  readonly seq: number;
  /** True for one that waits for its time. */
  readonly scheduled: boolean;
  /** Turn of the item that it is for; null where it cannot be read. */
  readonly turn: number | null;
  /** Revision of the checkpoint that it names; 0 where it cannot be read. */
  readonly revision: number;
}

/** A message of some run in the queue. */
export interface OldMessage {
  readonly runId: string;
  readonly seq: number;
}

/** A start request that nobody has acknowledged: it waits, or a worker has it in hand. */
export interface QueuedStart {
  readonly workflow: string;
  readonly seq: number;
  /** When the queue accepted it, in milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly messageId: string | null;
  readonly infoWritten: boolean;
  readonly body: string;
}

/** Figures of what waits, for people. */
export interface Backlog {
  readonly workflow: string;
  /** Start requests and items that no worker has taken yet. */
  readonly starts: number;
  readonly items: number;
  /** Taken and not yet acknowledged. */
  readonly inFlight: number;
}

/** How a start request is published. */
export interface StartPublishing {
  /** True where the publisher writes the run's info itself. */
  readonly infoWritten: boolean;
  /** True for a message of its own, whatever the queue remembers of the run id: what it remembers is gone. @default false */
  readonly anew?: boolean;
}

/** Where work waits for workers. At least once: a message may be delivered again, or twice at a time. */
export interface WorkQueue {
  /** How long a message may stay unacknowledged before somebody else gets it, in milliseconds. */
  readonly ackWaitMs: number;
  /** Makes sure that work of this workflow is kept for workers. Idempotent. */
  prepare(workflow: string): Promise<void>;
  /**
   * Accepts a start request. The run id makes it idempotent for as long as the queue remembers it.
   *
   * @returns the position in the queue; `duplicate` where this run id is there already, with that one's position
   * @throws FloxideError `payload_too_large` with both sizes
   */
  start(
    request: StartRequest,
    options: StartPublishing,
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
  /** The start request at this position, or null where it has been taken and acknowledged. */
  startAt(seq: number): Promise<StartRequest | null>;
  /**
   * Start requests in the queue, oldest first, whatever they contain.
   *
   * @param limit - so many at most
   * @param after - only those beyond this position. @default 0
   */
  startsWaiting(limit: number, after?: number): Promise<readonly QueuedStart[]>;
  /**
   * Puts a start request at the end of the queue, as a new message, and drops the old one.
   * Does nothing where no start request of the workflow is at its position any more.
   */
  requeueStart(start: QueuedStart): Promise<void>;
  /** Queues items to run at once. */
  enqueue(items: readonly QueuedItem[]): Promise<void>;
  /**
   * Queues an item to run at a time, in milliseconds since the epoch. Another call for the same turn of the item
   * replaces it.
   */
  schedule(item: QueuedItem, atMs: number): Promise<void>;
  /** Takes back what {@link schedule} queued for that turn of the item, if it is still there. */
  unschedule(workflow: string, runId: string, item: number, turn: number): Promise<void>;
  /**
   * Waits for up to `max` messages and hands each over as it comes.
   * Ends when they have come, when the adapter's own patience ends, or when the signal is aborted.
   *
   * @throws FloxideError `backend` where the queue cannot be reached: try again
   */
  pull(
    source: QueueSource,
    max: number,
    deliver: (delivery: Delivery) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Drops all that waits for the run. Never disturbs other runs. @returns how many messages went */
  dropRun(workflow: string, runId: string): Promise<number>;
  /** What waits for the run; start requests are not among it. */
  queued(workflow: string, runId: string): Promise<readonly QueuedMessage[]>;
  /** The oldest messages of all runs of the workflow, schedules not among them. @param limit - so many at most */
  oldest(workflow: string, limit: number): Promise<readonly OldMessage[]>;
  /** Drops one message by its position. */
  drop(seq: number): Promise<void>;
  /** Position up to which the queue believes that all of this source's messages are acknowledged; 0 for no source. */
  ackFloor(source: QueueSource): Promise<number>;
  /**
   * Has what the queue came back with handed out from the beginning, where it believes to have handed out more than it
   * has: it would hold back what comes next.
   *
   * @returns what was set back, for the log
   */
  replaceAhead(workflow: string): Promise<readonly string[]>;
  backlog(): Promise<readonly Backlog[]>;
}
