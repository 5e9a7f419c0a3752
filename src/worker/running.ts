import type { Item } from "../core/checkpoint/checkpoint.ts";
import type { Clock } from "../core/clock.ts";
import { iso } from "../core/clock.ts";
import { FloxideError } from "../core/errors.ts";
import { Places } from "../core/places.ts";
import type { Heartbeat } from "../core/records/liveness.ts";
import { AbortLater } from "./abort-later.ts";

/** One execution in progress. */
export interface RunningEntry {
  readonly runId: string;
  readonly id: number;
  readonly item: Item;
  readonly abort: AbortLater;
  readonly since: number;
  place: number;
}

/** Executions that a heartbeat names at most. */
const NAMED = 20;

const stops = (): FloxideError => new FloxideError("cancelled", "the worker stops");

/** What the worker executes now. */
export class Running {
  readonly #clock: Clock;
  readonly #entries = new Places<RunningEntry>();
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
    const entry = { runId, id, item, abort: new AbortLater(), since: this.#clock.now(), place: 0 };
    entry.place = this.#entries.enter(entry);
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
    this.#entries.leave(entry.place);
    if (failed) this.errors += 1;
    else this.completed += 1;
  }

  /** Aborts what runs for this run: it was cancelled or has failed. */
  abortRun(runId: string): void {
    for (const entry of this.#entries.all()) {
      if (entry.runId !== runId) continue;
      entry.abort.abort(
        new FloxideError("cancelled", `run "${runId}" has ended`, { details: { runId } }),
      );
    }
  }

  /** Aborts everything, and whatever begins from now on: the worker stops. */
  abortAll(): void {
    this.#stopped = true;
    for (const { abort } of this.#entries.all()) abort.abort(stops());
  }

  /** The twenty that have taken longest, for the heartbeat. */
  describe(): Heartbeat["current"] {
    const entries = this.#entries.all().sort((a, b) => a.since - b.since);
    return entries.slice(0, NAMED).map(({ runId, id, item: { node, attempt }, since }) => {
      return { runId, item: id, node, attempt, since: iso(since) };
    });
  }
}
