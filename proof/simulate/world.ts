import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { namesOf } from "../../src/jetstream/names.ts";
import { Ledgers, Violation } from "./checks.ts";
import type { Stored } from "./nats/replica.ts";
import { SimServer } from "./nats/server.ts";
import type { SimStream } from "./nats/stream.ts";
import { SimProcess } from "./process.ts";
import { Random } from "./random.ts";
import { SimTime } from "./time.ts";

export const NAMES = namesOf("sim");
const CONTEXT_STREAM = NAMES.bucketStream("context");

/** Milliseconds of the world. */
const LONGEST_DELAY_MS = 8_000;

/** Something to do at a step. */
export interface Planned {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A server, processes and time, and the one who decides what happens next.
 *
 * Each step moves one thing: a message from a client to the server, a piece of the server's work, a message to a client,
 * or time to the next timer. Between steps every process runs until it waits for something. So any order that real
 * processes could show can be chosen, and a process can be killed before and after anything that others can see.
 */
export class World {
  readonly time = new SimTime();
  readonly random: Random;
  readonly server: SimServer;
  readonly ledgers = new Ledgers();
  readonly processes: SimProcess[] = [];
  readonly #haste: number;
  readonly #skewMs: number;
  readonly #delayed = new Map<SimProcess, { readonly step: number; readonly at: number }>();
  #plan: Planned[] = [];
  #violation: unknown = null;
  step = 0;
  /** Writes of runs' entries. */
  commits = 0;

  constructor(seed: number, haste: number, skewMs: number) {
    this.random = new Random(seed ^ 0x5eed);
    this.#haste = haste;
    this.#skewMs = skewMs;
    this.server = new SimServer(this.time, this.random, {
      stored: (stream, message) => this.#stored(stream, message),
    });
  }

  /** A new process. */
  spawn(name: string): SimProcess {
    const skew = this.#skewMs === 0 ? 0 : this.random.whole(-this.#skewMs, this.#skewMs);
    const process = new SimProcess(name, this.server, skew);
    this.processes.push(process);
    return process;
  }

  /** Lets a process go, so that it is looked at no more. */
  bury(process: SimProcess): void {
    process.kill();
    this.processes.splice(this.processes.indexOf(process), 1);
    this.#delayed.delete(process);
  }

  plan(planned: readonly Planned[]): void {
    this.#plan = [...planned].sort((a, b) => a.at - b.at);
  }

  get hasPlans(): boolean {
    return this.#plan.length > 0;
  }

  /** Nothing that the process sends or is sent moves for so many steps, or some seconds. */
  delay(process: SimProcess, steps: number): void {
    this.#delayed.set(process, { step: this.step + steps, at: this.time.now + LONGEST_DELAY_MS });
  }

  /** Waits so many milliseconds of the world. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.at(this.time.now + ms, resolve);
    });
  }

  fail(error: unknown): void {
    this.#violation ??= error;
  }

  /** Goes on until the work is done. @throws Violation, or what else a process or the work threw */
  async until(work: Promise<void>, maxSteps: number): Promise<void> {
    let isOver = false;
    work.then(
      () => {
        isOver = true;
      },
      (error: unknown) => this.fail(error),
    );
    await settled();
    for (; !isOver && this.#violation === null; this.step++) {
      if (this.step > maxSteps) throw new Violation("progress", `no end after ${maxSteps} steps`);
      while ((this.#plan[0]?.at ?? Number.POSITIVE_INFINITY) <= this.step) {
        this.#plan.shift()?.run();
        await settled();
      }
      if (this.#move()) await settled();
    }
    if (this.#violation !== null) throw this.#violation;
  }

  /** @returns true where code of a process may have run */
  #move(): boolean {
    const now = this.#moves();
    if (now.length === 0 || (this.#haste > 0 && this.random.hits(this.#haste))) {
      if (!this.time.advance()) this.fail(new Violation("progress", "nothing will ever happen"));
      return true;
    }
    return this.random.pick(now)();
  }

  #moves(): (() => boolean)[] {
    const moves: (() => boolean)[] = [];
    for (const process of this.processes) {
      const { connection } = process;
      if (this.#isDelayed(process)) continue;
      if (connection.out.length > 0) {
        moves.push(() => {
          const all = this.random.hits(0.5) ? connection.out.length : 1;
          for (let i = 0; i < all; i++) connection.deliverNext();
          return false;
        });
      }
      if (connection.incoming.length > 0 && !process.isStalled) {
        moves.push(() => {
          connection.takeNext();
          return true;
        });
      }
    }
    for (const lane of this.server.lanes.keys()) {
      moves.push(() => {
        this.server.work(lane);
        return false;
      });
    }
    return moves;
  }

  #isDelayed(process: SimProcess): boolean {
    const until = this.#delayed.get(process);
    return until !== undefined && until.step > this.step && until.at > this.time.now;
  }

  #stored(stream: SimStream, { body }: Stored): void {
    if (stream.name !== CONTEXT_STREAM || body === "") return;
    this.commits += 1;
    try {
      this.ledgers.wrote(JSON.parse(body) as Checkpoint);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The run's entry as the server has it. */
  checkpointOf(runId: string): Checkpoint | null {
    return this.ledgers.of(runId).last;
  }

  /** Messages of the run in the work stream. */
  queuedOf(runId: string): number {
    let count = 0;
    for (const { subject } of this.#workMessages()) {
      if (subject.split(".")[3] === runId) count += 1;
    }
    return count;
  }

  /** Messages that wait for a worker. A timer that was set late is not among them: it goes when its time comes. */
  get queued(): number {
    let count = 0;
    for (const { headers } of this.#workMessages()) if (!headers.has("Nats-Schedule")) count += 1;
    return count;
  }

  #workMessages(): Iterable<Stored> {
    return this.server.streams.get(NAMES.workStream)?.leader.messages.values() ?? [];
  }
}

/** Lets all code go on that waits for nothing from outside. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
