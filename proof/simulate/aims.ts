import type { Crew } from "./crew.ts";
import { strikeAt } from "./faults.ts";
import type { Moment } from "./moments.ts";
import { KILLS } from "./random-fault.ts";
import { type CommandType, isCommand, type PlannedAim } from "./scenario.ts";
import type { Happening } from "./world.ts";

/** Milliseconds of the world for which faults and commands may still hit what they are aimed at. */
const OPEN_MS = 10_000;

interface Aim {
  readonly planned: PlannedAim;
  left: number;
}

/** What aims need of their schedule. */
export interface AimListener {
  readonly trace: (text: string) => void;
  readonly command: (runId: string, type: CommandType, signal: string | null) => void;
}

/** Faults and commands that wait for a moment of some kind, and come about right then. */
export class Aims {
  readonly #crew: Crew;
  readonly #aims: readonly Aim[];
  readonly #repairs: boolean;
  readonly #listener: AimListener;
  readonly #until: number;
  /** How many have hit. */
  hits = 0;

  /** @param repairs - true where an orchestrator may die in the middle of what it does */
  constructor(crew: Crew, aims: readonly PlannedAim[], repairs: boolean, listener: AimListener) {
    this.#crew = crew;
    this.#aims = aims.map((planned) => ({ planned, left: planned.times }));
    this.#repairs = repairs;
    this.#listener = listener;
    this.#until = crew.world.time.now + OPEN_MS;
    crew.world.onMoment = (moment, of) => this.#onMoment(moment, of);
  }

  /** True while something may still be hit. */
  get areOpen(): boolean {
    return this.#crew.world.time.now < this.#until && this.#aims.some(({ left }) => left > 0);
  }

  close(): void {
    this.#crew.world.onMoment = () => {};
  }

  #onMoment(moment: Moment, of: Happening): void {
    const { world } = this.#crew;
    for (const aim of this.#aims) {
      const { at, chance, after } = aim.planned;
      if (at !== moment || aim.left === 0 || !world.random.hits(chance)) continue;
      aim.left -= 1;
      this.hits += 1;
      const run = (): void => this.#hit(aim.planned, of);
      world.plan([{ at: world.step + 1 + world.random.below(after + 1), run }]);
    }
  }

  #hit({ at, does, whom, lasts }: PlannedAim, { process, runId, signal }: Happening): void {
    if (isCommand(does)) {
      this.#listener.command(runId, does, signal);
      return;
    }
    const { members, world } = this.#crew;
    const actor = members.find((one) => one.process === process);
    const others = members.filter((one) => one !== actor && one.kind === (actor?.kind ?? "worker"));
    const member =
      whom === "other" || actor === undefined ? others.at(world.step % others.length) : actor;
    if (member === undefined) return;
    if (KILLS.includes(does) && member.kind === "orchestrator" && !this.#repairs) return;
    this.#listener.trace(`at ${at}: ${does} of ${member.process.name} for ${lasts}`);
    strikeAt(this.#crew, member, does, lasts);
  }
}
