import type { Item } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { iso } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import { AbortLater } from "./abort-later.ts";

/** One execution in progress. */
export interface RunningEntry {
  readonly runId: string;
  readonly id: number;
  readonly item: Item;
  readonly abort: AbortLater;
  readonly since: number;
}

/** Executions that a heartbeat names at most. */
const NAMED = 20;

const stops = (): FloxideError => new FloxideError("cancelled", "the worker stops");

/** What the worker executes now. */
export class Running {
  readonly #clock: Clock;
  readonly #entries = new Set<RunningEntry>();
  #stopped = false;
  #onNext: (() => void) | null = null;
  /** Executions that have begun. */
  begun = 0;
  completed = 0;
  errors = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  enter(runId: string, id: number, item: Item): RunningEntry {
    const entry = { runId, id, item, abort: new AbortLater(), since: this.#clock.now() };
    this.#entries.add(entry);
    this.begun += 1;
    this.#tell();
    if (this.#stopped) entry.abort.abort(stops());
    return entry;
  }

  /** Calls once, when the next execution begins; null: not at all. */
  onNext(call: (() => void) | null): void {
    this.#onNext = call;
  }

  #tell(): void {
    const call = this.#onNext;
    if (call === null) return;
    this.#onNext = null;
    call();
  }

  leave(entry: RunningEntry, failed: boolean): void {
    this.#entries.delete(entry);
    if (failed) this.errors += 1;
    else this.completed += 1;
  }

  /** Aborts what runs for this run: it was cancelled or has failed. */
  abortRun(runId: string): void {
    for (const entry of this.#entries) {
      if (entry.runId !== runId) continue;
      entry.abort.abort(
        new FloxideError("cancelled", `run "${runId}" has ended`, { details: { runId } }),
      );
    }
  }

  /** Aborts everything, and whatever begins from now on: the worker stops. */
  abortAll(): void {
    this.#stopped = true;
    for (const { abort } of this.#entries) abort.abort(stops());
  }

  /** The first twenty, for the heartbeat. */
  describe(): Heartbeat["current"] {
    const named: Heartbeat["current"] = [];
    for (const { runId, id, item, since } of this.#entries) {
      if (named.length === NAMED) break;
      named.push({ runId, item: id, node: item.node, attempt: item.attempt, since: iso(since) });
    }
    return named;
  }
}
