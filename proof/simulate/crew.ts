import type { Logger } from "../../src/core/logger.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { Worker } from "../../src/worker/worker.ts";
import { build, type NodeWorld } from "./build.ts";
import type { SimProcess } from "./process.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

/** One process of the system, and what runs in it once it has begun. */
export interface Member {
  readonly process: SimProcess;
  readonly kind: "worker" | "orchestrator";
  orchestrator: Orchestrator | null;
  worker: Worker | null;
}

/** What a crew tells. */
export interface CrewListener {
  readonly trace: (text: string) => void;
  /** A node begins to execute. */
  readonly executes: (process: SimProcess, runId: string, item: number, attempt: number) => void;
  /** Some workers have not answered to a command on this run. */
  readonly unheard: (runId: string) => void;
  readonly isMended: (runId: string) => boolean;
}

/** The processes of a scenario: where one dies, another of its kind takes its place. */
export class Crew {
  readonly world: World;
  readonly members: Member[];
  readonly #scenario: Scenario;
  readonly #listener: CrewListener;
  readonly #tasks = new Set<Promise<void>>();
  #spawned = 0;

  constructor(world: World, scenario: Scenario, listener: CrewListener) {
    this.world = world;
    this.#scenario = scenario;
    this.#listener = listener;
    const { workers, orchestrators } = scenario;
    this.members = Array.from({ length: workers + orchestrators }, (_, i) =>
      this.#newMember(i < workers ? "worker" : "orchestrator"),
    );
    for (const member of this.members) this.do(this.#boot(member));
  }

  /** True while something that was begun has not ended. */
  get isBusy(): boolean {
    return this.#tasks.size > 0;
  }

  /** Begins something. What it throws ends the schedule. */
  do(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => this.world.fail(error))
      .finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  /** Resolves when all that has been begun so far has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  /** An orchestrator by chance; null where none is there. */
  pickOrchestrator(): Member | null {
    const alive = this.members.filter(({ orchestrator }) => orchestrator !== null);
    return alive.length === 0 ? null : this.world.random.pick(alive);
  }

  /** An orchestrator, as soon as there is one. */
  async orchestrator(): Promise<Orchestrator> {
    for (;;) {
      const alive = this.members.find(({ orchestrator }) => orchestrator !== null);
      if (alive?.orchestrator) return alive.orchestrator;
      await this.world.sleep(500);
    }
  }

  /** Kills a process; another of its kind takes its place later. */
  replace(member: Member, afterMs: number): void {
    const { process, kind } = member;
    if (process.isDead) return;
    this.world.bury(process);
    member.orchestrator = null;
    member.worker = null;
    this.do(
      this.world.sleep(afterMs).then(() => {
        const next = this.#newMember(kind);
        this.members[this.members.indexOf(member)] = next;
        return this.#boot(next);
      }),
    );
  }

  /** Tells a worker to stop, and has another one begin. An orchestrator has nothing to stop: it is killed. */
  async stop(member: Member, graceMs: number): Promise<void> {
    const { worker, process } = member;
    if (worker !== null) await process.unlessKilled(worker.stop({ graceMs }));
    this.replace(member, 10);
  }

  #newMember(kind: Member["kind"]): Member {
    this.#spawned += 1;
    const process = this.world.spawn(`${kind}-${this.#spawned}`);
    return { process, kind, orchestrator: null, worker: null };
  }

  async #boot(member: Member): Promise<void> {
    const { process, kind } = member;
    const { seed, wide, replicas, concurrency, stepsInPlace, programs } = this.#scenario;
    const log = this.#loggerOf(process.name);
    const backend = await process.unlessKilled(process.open(log, replicas));
    if (backend === null) return;
    const nodeWorld = this.#nodeWorldOf(process);
    const workflows = programs.map((program, i) => build(`flow${i}`, program, nodeWorld));
    const parts = { backend, workflows, clock: process.clock, log };
    if (kind === "worker") {
      // Innocent items must not fail however often their worker dies.
      const options = { workerId: process.name, concurrency, stepsInPlace, maxLost: 1_000 };
      const widths = { inline: 1, chunk: 1 + (seed % 2), field: 1 };
      member.worker = new Worker(wide ? { ...parts, widths } : parts, options);
      await process.unlessKilled(member.worker.start());
    } else {
      member.orchestrator = new Orchestrator(parts, { orchestratorId: process.name });
    }
  }

  #nodeWorldOf(process: SimProcess): NodeWorld {
    const { executes, isMended } = this.#listener;
    return {
      clock: process.clock,
      isMended,
      executes: (runId, item, attempt) => executes(process, runId, item, attempt),
    };
  }

  #loggerOf(name: string): Logger {
    const { trace, unheard } = this.#listener;
    const write =
      (level: string) =>
      (fields: object, message: string): void => {
        const { silent, runId } = fields as { silent?: unknown; runId?: string };
        if (silent !== undefined && runId !== undefined) unheard(runId);
        trace(`${name} ${level}: ${message} ${JSON.stringify(fields, replacer)}`);
      };
    return { ...silentLogger, info: write("info"), warn: write("warn"), error: write("error") };
  }
}

const replacer = (_key: string, value: unknown): unknown =>
  value instanceof Error ? `${value.name}: ${value.message}` : value;
