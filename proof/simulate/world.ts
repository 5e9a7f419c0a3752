import { type Checkpoint, isTerminal } from "../../src/core/checkpoint/checkpoint.ts";
import { fromStoredText } from "../../src/core/checkpoint/stored-form.ts";
import { asPatch, follow } from "../../src/core/checkpoint/stored-patch.ts";
import { fromToken } from "../../src/core/token.ts";
import { namesOf } from "../../src/jetstream/names.ts";
import { Ledgers, Violation } from "./checks.ts";
import { heldIn, type Moment, momentOf, momentsOf } from "./moments.ts";
import { Choice } from "./mover.ts";
import type { SimConnection } from "./nats/connection.ts";
import type { Stored } from "./nats/replica.ts";
import { SimServer } from "./nats/server.ts";
import type { SimStream } from "./nats/stream.ts";
import { SimProcess } from "./process.ts";
import { Random } from "./random.ts";
import { isCommand, isUndisturbed, type Scenario } from "./scenario.ts";
import { SimTime } from "./time.ts";
import { unvouched } from "./vouching.ts";

export const NAMES = namesOf("sim");
const CONTEXT_STREAM = NAMES.bucketStream("context");
const LIVENESS_STREAM = NAMES.bucketStream("liveness");
/** Milliseconds without a heartbeat after which nobody waits for a worker to hear of a command. */
const ALIVE_MS = 15_000;

/** Milliseconds of the world until a delay is over although nothing else happens: less than an acknowledgement wait, or more. */
const LONGEST_DELAYS_MS = [200, 200, 8_000] as const;

/** Work of the server that may be slow: what is sent to the queue and to runs' entries, reads of either, and the API. */
const LANES = [
  `stream ${NAMES.workStream}`,
  `stream ${NAMES.workStream}`,
  `stream ${CONTEXT_STREAM}`,
  `direct ${CONTEXT_STREAM}`,
  `direct ${NAMES.workStream}`,
  "api",
] as const;

/** Something to do at a step. */
export interface Planned {
  readonly at: number;
  readonly run: () => void;
}

/** What a moment is about. */
export interface Happening {
  /** Whose it is; null where nobody's, as when a time has come. */
  readonly process: SimProcess | null;
  readonly runId: string;
  /** Signal that an item waits for since this moment. */
  readonly signal: string | null;
}

/** The last heartbeat of a worker: when it was stored, and after how long it promised the next. */
interface Beat {
  readonly at: number;
  readonly nextMs: number;
  /** When one was stored that came after a long silence. */
  readonly backAt: number;
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
  readonly #scenario: Scenario;
  readonly #choice: Choice;
  #plan: Planned[] = [];
  #violation: unknown = null;
  /** Runs that nobody may queue anything for: a cancel has returned, and all workers have heard of it. */
  readonly fenced = new Set<string>();
  /** Runs that somebody has signalled or resumed. */
  readonly moved = new Set<string>();
  /** By worker. */
  readonly #beats = new Map<string, Beat>();
  /** Who wants to know of moments. */
  onMoment: (moment: Moment, of: Happening) => void = () => {};
  /** True once a process was killed, in the middle of whatever it did. */
  hasKilled = false;
  step = 0;
  /** Writes of runs' entries. */
  commits = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.random = new Random(scenario.seed ^ 0x5eed);
    this.#choice = new Choice(this.random, scenario.isUneven);
    const watcher = {
      stored: (stream: SimStream, message: Stored) => this.#stored(stream, message),
      acknowledged: () => {
        for (const runId of this.ledgers.ids()) this.#checkVouchers(this.checkpointOf(runId));
      },
      overdue: (seq: number) => this.#overdue(seq),
    };
    this.server = new SimServer(this.time, this.random, watcher, scenario.lag);
  }

  /** A new process. */
  spawn(name: string): SimProcess {
    const { skewMs } = this.#scenario;
    const skew = skewMs === 0 ? 0 : this.random.whole(-skewMs, skewMs);
    const process: SimProcess = new SimProcess(name, this.server, skew, {
      sent: (message) => {
        const made = momentOf(message);
        if (made !== null) this.onMoment(made.moment, { process, runId: made.runId, signal: null });
      },
      offered: ({ reply, subject }) => {
        if (!reply.startsWith("$JS.ACK.")) return;
        const runId = subject.split(".")[3] ?? "";
        this.onMoment("delivery", { process, runId, signal: null });
      },
    });
    this.processes.push(process);
    return process;
  }

  /** Lets a process go, so that it is looked at no more. */
  bury(process: SimProcess): void {
    this.hasKilled = true;
    process.kill();
    this.processes.splice(this.processes.indexOf(process), 1);
  }

  plan(planned: readonly Planned[]): void {
    this.#plan = [...this.#plan, ...planned].sort((a, b) => a.at - b.at);
  }

  /** True where only one process has ever written the run's entry. */
  isUnderOneHand(runId: string): boolean {
    const { workers, commands, aims } = this.#scenario;
    const isLeftAlone = commands.length === 0 && !aims.some(({ does }) => isCommand(does));
    return workers === 1 && isLeftAlone && !this.hasKilled && !this.moved.has(runId);
  }

  get mayRepair(): boolean {
    return this.#scenario.repairs;
  }

  get hasPlans(): boolean {
    return this.#plan.length > 0;
  }

  /** Nothing that the process sends or is sent moves for so many steps, or some seconds. */
  delay(process: SimProcess, steps: number): void {
    process.delayedUntil = { step: this.step + steps, at: this.#delayEnds() };
  }

  /** The server does nothing in one of the lanes for so many steps, or some seconds. */
  hold(steps: number): void {
    const lane = this.server.lane(this.random.pick(LANES));
    lane.isHeld = true;
    const release = (): void => {
      lane.isHeld = false;
    };
    this.plan([{ at: this.step + steps, run: release }]);
    this.time.at(this.#delayEnds(), release);
  }

  #delayEnds(): number {
    return this.time.now + this.random.pick(LONGEST_DELAYS_MS);
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

  /** Lets everything move at once until the work is done: nobody decides an order. */
  async hasten(work: Promise<void>): Promise<void> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    await settled();
    while (!isOver && this.#violation === null) {
      let moved = false;
      for (const { sending, hearing } of this.processes) {
        while (sending.isReady()) sending.move();
        for (; hearing.isReady(); moved = true) hearing.move();
      }
      for (const lane of this.server.lanes.values()) {
        for (; lane.isReady(); moved = true) lane.move();
      }
      if (!moved) this.time.advance();
      await settled();
    }
    if (this.#violation !== null) throw this.#violation;
  }

  /** True where a worker that lives has looked dead to others since then, because its heartbeats did not come. */
  hasLookedDead(since: number): boolean {
    return this.processes.some(({ name }) => {
      const beat = this.#beats.get(name);
      return beat !== undefined && (beat.backAt >= since || this.#looksDead(beat));
    });
  }

  /** True where some clock says that a worker whose last heartbeat is this is dead. */
  #looksDead({ at, nextMs }: Beat): boolean {
    const aliveMs = Math.max(ALIVE_MS, 1.5 * nextMs);
    return this.time.now - at >= aliveMs - 2 * this.#scenario.skewMs;
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
    for (const process of this.processes) {
      if (this.#isDelayed(process)) continue;
      this.#choice.offer(process.sending);
      this.#choice.offer(process.hearing);
    }
    for (const lane of this.server.lanes.values()) this.#choice.offer(lane);
    const mover = this.#choice.take();
    const { haste } = this.#scenario;
    if (mover === null || (haste > 0 && this.random.hits(haste))) {
      if (!this.time.advance()) this.fail(new Violation("progress", "nothing will ever happen"));
      return true;
    }
    return mover.move();
  }

  #isDelayed({ delayedUntil }: SimProcess): boolean {
    return (
      delayedUntil !== null && delayedUntil.step > this.step && delayedUntil.at > this.time.now
    );
  }

  #stored(stream: SimStream, { body, subject }: Stored): void {
    if (stream.name === NAMES.workStream && this.fenced.has(subject.split(".")[3] ?? "")) {
      this.fail(new Violation("fence", `${subject} was queued after cancel had returned`));
    }
    if (stream.name === LIVENESS_STREAM) this.#heard(subject.split(".").at(-1) ?? "", body);
    if (stream.name !== CONTEXT_STREAM || body === "") return;
    this.commits += 1;
    try {
      const runId = fromToken(subject.split(".").at(-1) ?? "");
      const before = this.checkpointOf(runId);
      const checkpoint = storedAfter(before, body);
      this.ledgers.wrote(checkpoint);
      this.#checkVouchers(checkpoint);
      // What has expired must not be followed by what it replaced.
      if (isTerminal(checkpoint.status) && stream.leader.on(subject).length > 1)
        throw new Violation("older", `run ${runId} has ended and left older checkpoints`);
      const process = this.#processOf(this.server.actor);
      const signal = heldIn(before, checkpoint);
      for (const moment of momentsOf(before, checkpoint)) {
        this.onMoment(moment, { process, runId, signal });
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #heard(name: string, body: string): void {
    const { now } = this.time;
    const { nextMs = 0 } = body === "" ? {} : (JSON.parse(body) as { nextMs?: number });
    const before = this.#beats.get(name) ?? { at: now, nextMs, backAt: Number.NEGATIVE_INFINITY };
    const backAt = this.#looksDead(before) ? now : before.backAt;
    this.#beats.set(name, { at: now, nextMs, backAt });
  }

  /**
   * While nobody but workers moves a run, what it has to do is vouched for at every moment. Whoever signals or resumes it
   * vouches for what he releases by being alive, and repairs see to it that this suffices.
   */
  #checkVouchers(checkpoint: Checkpoint | null): void {
    if (checkpoint === null || this.#scenario.repairs || this.moved.has(checkpoint.runId)) return;
    const queue = this.server.streams.get(NAMES.workStream)?.leader;
    const wrong = queue === undefined ? null : unvouched(NAMES, queue, checkpoint);
    if (wrong !== null) this.fail(new Violation("voucher", wrong));
  }

  #overdue(seq: number): void {
    if (!isUndisturbed(this.#scenario)) return;
    const queue = this.server.streams.get(NAMES.workStream)?.leader;
    const [, branch, , runId = ""] = queue?.messages.get(seq)?.subject.split(".") ?? [];
    // A signal may release an item before the message that set its timer is free of it: that waits until it is seen to be.
    if (branch === "work" && this.moved.has(runId)) return;
    const what = "nothing disturbed the work, and a message waited for its acknowledgement in vain";
    this.fail(new Violation("waste", what));
  }

  #processOf(connection: SimConnection | null): SimProcess | null {
    return this.processes.find((process) => process.connection === connection) ?? null;
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

/** The checkpoint that a message is, or leads to. @throws Violation where it changes another than the one before it */
function storedAfter(before: Checkpoint | null, body: string): Checkpoint {
  const patch = asPatch(JSON.parse(body));
  if (patch === null) return fromStoredText(body) as Checkpoint;
  const after = before === null ? null : follow(before, patch);
  if (after === null)
    throw new Violation(
      "patch",
      `a patch of ${patch.follows} follows ${before?.commit ?? "nothing"}`,
    );
  return after;
}
