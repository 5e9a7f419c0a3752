import type { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { Aims } from "./aims.ts";
import { type AskedRun, askedRuns, loosen, resuming } from "./asked-run.ts";
import { Violation } from "./checks.ts";
import { Crew } from "./crew.ts";
import { command, refusedOrDone, start } from "./customers.ts";
import { describeFault } from "./describe.ts";
import { strike } from "./faults.ts";
import { checkRuns } from "./final.ts";
import { MAYBE, PAYLOAD, SIGNAL } from "./program.ts";
import type { CommandType, Scenario } from "./scenario.ts";
import { type Planned, World } from "./world.ts";

const MAX_STEPS = 150_000;
/** Milliseconds of the world within which some run must move, once nothing disturbs them any more, until all have ended. */
const HEALING_MS = 60_000;
const ROUND_MS = 10_000;
/** Rounds after the last end in which lists, figures and history have to follow. */
const ROUNDS_TO_FOLLOW = 30;
/** Steps between the two times that a run is asked for. */
const AGAIN_AFTER = 100;

/** What happened in a schedule, for reports. */
export interface Figures {
  steps: number;
  /** Milliseconds that passed in the world. */
  simulatedMs: number;
  runs: number;
  executions: number;
  commits: number;
  faults: number;
  commands: number;
}

/** One schedule: a scenario played to its end. */
export class Schedule {
  readonly world: World;
  readonly #asked: readonly AskedRun[];
  readonly #scenario: Scenario;
  readonly #crew: Crew;
  readonly #trace: (text: string) => void;
  #aims: Aims | null = null;
  #executions = 0;
  #isMended = false;

  constructor(scenario: Scenario, trace: (text: string) => void = () => {}) {
    this.#scenario = scenario;
    this.#trace = trace;
    this.#asked = askedRuns(scenario);
    this.world = new World(scenario);
    this.#crew = new Crew(this.world, scenario, {
      trace,
      executes: ({ name }, runId, item, attempt) => {
        trace(`${name} executes ${runId}/${item} attempt ${attempt}`);
        this.#executes(runId, item);
      },
      unheard: (runId) => {
        const run = this.#run(runId);
        if (run !== undefined) loosen(run);
      },
      isMended: () => this.#isMended,
    });
  }

  get figures(): Figures {
    const { step, time, commits } = this.world;
    return {
      steps: step,
      simulatedMs: time.sinceBegin,
      runs: this.#asked.length,
      executions: this.#executions,
      commits,
      faults: this.#scenario.faults.length + (this.#aims?.hits ?? 0),
      commands: this.#scenario.commands.length,
    };
  }

  /** @throws Violation where something is not as promised, or what else a process threw */
  async play(): Promise<void> {
    const { beginsAtOnce, aims, repairs } = this.#scenario;
    const begun = this.#crew.settled();
    await (beginsAtOnce ? this.world.hasten(begun) : this.world.until(begun, MAX_STEPS));
    this.world.plan(this.#plans());
    this.#aims = new Aims(this.#crew, aims, repairs, {
      trace: this.#trace,
      command: (runId, type, signal) => {
        const i = this.#asked.findIndex((run) => run.runId === runId);
        this.#crew.do(this.#command(i, type, signal));
      },
    });
    await this.world.until(this.#direct(), MAX_STEPS);
  }

  /** What is to happen, from the step on at which all processes have begun. */
  #plans(): Planned[] {
    const { runs, commands, faults } = this.#scenario;
    const from = this.world.step;
    const plans: Planned[] = [];
    runs.forEach(({ at, again }, i) => {
      const run = () => this.#crew.do(this.#start(i));
      plans.push({ at: from + at, run });
      if (again) plans.push({ at: from + at + AGAIN_AFTER, run });
    });
    for (const { at, run: i, type } of commands) {
      plans.push({ at: from + at, run: () => this.#crew.do(this.#command(i, type)) });
    }
    for (const fault of faults) {
      const run = (): void => {
        const { members } = this.#crew;
        const name = members[fault.target % members.length]?.process.name ?? "nobody";
        this.#trace(describeFault(fault, name));
        strike(this.#crew, fault);
      };
      plans.push({ at: from + fault.at, run });
    }
    return plans;
  }

  async #start(i: number): Promise<void> {
    const run = this.#asked[i];
    if (run === undefined) return;
    await start(this.#crew, run);
    this.#trace(`${run.runId} is accepted`);
  }

  async #command(i: number, type: CommandType, signal: string | null = null): Promise<void> {
    const run = this.#asked[i];
    if (run === undefined) return;
    this.#trace(`${type} ${run.runId} …`);
    const outcome = await command(this.#crew, run, type, signal);
    this.#trace(`${type} ${run.runId}: ${outcome}`);
  }

  #mayBeHit(): boolean {
    return this.#aims?.areOpen === true && this.#asked.some((run) => !this.#hasEnded(run));
  }

  #executes(runId: string, item: number): void {
    this.#executions += 1;
    if (this.#run(runId)?.isPaused !== true) return;
    this.world.fail(new Violation("pause", `${runId}/${item} started after pause had returned`));
  }

  #run(runId: string): AskedRun | undefined {
    return this.#asked.find((run) => run.runId === runId);
  }

  /** Waits until all is over that was planned, then sees every run to its end. */
  async #direct(): Promise<void> {
    while (this.world.hasPlans || this.#crew.isBusy || this.#mayBeHit()) {
      await this.world.sleep(1_000);
    }
    this.#aims?.close();
    this.#isMended = true;
    const { time } = this.world;
    let moved = { commits: this.world.commits, at: time.now };
    while (this.#asked.some((run) => !this.#hasEnded(run))) {
      const { commits } = this.world;
      if (commits > moved.commits) moved = { commits, at: time.now };
      if (time.now > moved.at + HEALING_MS) this.#standsStill();
      await this.#heal();
      await this.world.sleep(ROUND_MS);
    }
    // What follows the last commit: lists, figures, and messages that nobody needs any more.
    for (let left = ROUNDS_TO_FOLLOW; ; left--) {
      const orchestrator = await this.#crew.orchestrator();
      const wrong = await checkRuns(this.world, orchestrator, this.#asked);
      if (wrong === null) return;
      if (left === 0) throw wrong;
      if (this.#scenario.repairs) await orchestrator.repair();
      await this.world.sleep(ROUND_MS);
    }
  }

  /** What users do with runs that wait for them. */
  async #heal(): Promise<void> {
    const orchestrator = await this.#crew.orchestrator();
    if (this.#scenario.repairs) await orchestrator.repair();
    for (const run of this.#asked) {
      const checkpoint = this.world.checkpointOf(run.runId);
      if (checkpoint === null || this.#hasEnded(run)) continue;
      if (checkpoint.status === "paused" || checkpoint.status === "failed") {
        resuming(run);
        this.world.moved.add(run.runId);
        await refusedOrDone(orchestrator.resume(run.runId));
      }
      await this.#signalAll(run, orchestrator);
    }
  }

  /** As many signals as the run can need, each of them once. */
  async #signalAll({ runId, expected }: AskedRun, orchestrator: Orchestrator): Promise<void> {
    const needed = [
      [SIGNAL, expected.signals],
      [MAYBE, expected.maybes],
    ] as const;
    for (const [name, count] of needed) {
      if (count > 0) this.world.moved.add(runId);
      for (let i = 0; i < count; i++) {
        const signalled = orchestrator.signal(runId, name, PAYLOAD, { signalId: `${name}${i}` });
        await refusedOrDone(signalled);
      }
    }
  }

  #hasEnded({ runId, isAccepted }: AskedRun): boolean {
    const checkpoint = this.world.checkpointOf(runId);
    // Nobody was told that it is accepted: it may be that it never was.
    if (checkpoint === null) return !isAccepted && this.world.queued === 0;
    return checkpoint.status === "completed" || checkpoint.status === "cancelled";
  }

  #standsStill(): never {
    const left = this.#asked.filter((run) => !this.#hasEnded(run)).map(({ runId }) => runId);
    const [first = ""] = left;
    const checkpoint = this.world.checkpointOf(first);
    const items = JSON.stringify(checkpoint?.items ?? {});
    throw new Violation(
      "stands still",
      `${left.join(", ")}; ${first} is ${checkpoint?.status ?? "not begun"}, ${this.world.queued} messages, items ${items}`,
    );
  }
}
