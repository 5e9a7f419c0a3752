import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { isTerminal } from "../../src/core/checkpoint/checkpoint.ts";
import { type HistoryEvent, historyOf } from "../../src/core/records/history-event.ts";

/** What a schedule must never show. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** Which of the promises, in few words: the same for the same fault. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(`${rule}: ${message}`);
    this.rule = rule;
  }
}

/** What the writes of one run's entry have shown so far. */
interface Ledger {
  last: Checkpoint | null;
  /** Every event that was in any revision, by number. */
  readonly events: Map<number, HistoryEvent>;
  /** Items that have ended, by the write that ended them. */
  readonly ended: Set<number>;
  fencedAt: "cancel" | null;
}

// Looks at every write of every run's entry, as the store takes it. Rules:
// 1. The first write begins a run; each write follows the one before.
// 2. A number of history says the same in every revision, and numbers have no gaps.
// 3. An item that has ended never comes back. New ones have numbers of their own.
// 4. After a cancel has returned nothing is written.
// 5. Nothing is written to a run that has completed or is cancelled. Only a failed one goes on, by a resume.
// 6. A signal counts once, however often it is sent.
// 7. A run that goes on has something pending; one that has completed has nothing.

export class Ledgers {
  readonly #runs = new Map<string, Ledger>();

  of(runId: string): Ledger {
    const known = this.#runs.get(runId);
    if (known !== undefined) return known;
    const made: Ledger = { last: null, events: new Map(), ended: new Set(), fencedAt: null };
    this.#runs.set(runId, made);
    return made;
  }

  ids(): string[] {
    return [...this.#runs.keys()];
  }

  /** A cancel of the run has returned. */
  fence(runId: string): void {
    this.of(runId).fencedAt = "cancel";
  }

  wrote(checkpoint: Checkpoint): void {
    const { runId } = checkpoint;
    const ledger = this.of(runId);
    const fail = (rule: string, what: string): never => {
      throw new Violation(rule, `run "${runId}": ${what}`);
    };
    if (ledger.fencedAt !== null) fail("fence", "it was written after cancel had returned");
    const before = ledger.last;
    if (before !== null) {
      checkStatus(before, checkpoint, fail);
      checkItems(ledger, before, checkpoint, fail);
    }
    checkEvents(ledger, checkpoint, fail);
    checkPending(checkpoint, fail);
    ledger.last = checkpoint;
  }
}

type Fail = (rule: string, what: string) => never;

function checkStatus(before: Checkpoint, after: Checkpoint, fail: Fail): void {
  if (!isTerminal(before.status)) return;
  if (after.status === before.status && before.status === "failed") return;
  const isResume = before.status === "failed" && after.status === "running";
  if (!isResume) fail("terminal", `${before.status} became ${after.status}`);
}

function checkItems(ledger: Ledger, before: Checkpoint, after: Checkpoint, fail: Fail): void {
  for (const key of Object.keys(before.items)) {
    if (!(key in after.items)) ledger.ended.add(Number(key));
  }
  for (const key of Object.keys(after.items)) {
    const id = Number(key);
    if (ledger.ended.has(id)) fail("once", `item ${id} came back after it had ended`);
    if (!(key in before.items) && id < before.nextItem) fail("once", `item ${id} is not new`);
  }
}

function checkEvents(ledger: Ledger, { runId, history }: Checkpoint, fail: Fail): void {
  const events = historyOf({ runId, history });
  events.forEach((event, i) => {
    const { number } = event;
    if (number !== history.next - events.length + i)
      fail("history", `event ${number} is misplaced`);
    const known = ledger.events.get(number);
    if (known === undefined) ledger.events.set(number, event);
    else if (JSON.stringify(known) !== JSON.stringify(event)) {
      fail("history", `event ${number} was ${JSON.stringify(known)}, is ${JSON.stringify(event)}`);
    }
  });
}

function checkPending({ status, items, started, signalIds }: Checkpoint, fail: Fail): void {
  if (new Set(signalIds).size < signalIds.length) fail("signal", "a signal counts twice");
  const isEmpty = Object.keys(items).length === 0;
  if (status === "completed" && !isEmpty) fail("end", "it completed with items pending");
  if (status === "running" && started && isEmpty) fail("end", "it goes on with nothing pending");
}
