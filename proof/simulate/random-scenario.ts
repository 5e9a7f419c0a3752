import { randomProgram } from "./program.ts";
import { Random } from "./random.ts";
import { FAULTS, KILLS, lastsOf } from "./random-fault.ts";
import type { PlannedCommand, PlannedFault, Scenario, Unaimed } from "./scenario.ts";
import { themed, undisturbed } from "./themes.ts";

/** Steps within which everything is planned, at most. */
const SPAN = 1_200;

/** The scenario of a seed: of everything something, or small and about few things. */
export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const any = anyScenario(seed, random);
  if (random.hits(0.3)) return { ...any, aims: [] };
  return random.hits(0.12) ? undisturbed(any, random) : themed(any, random);
}

function anyScenario(seed: number, random: Random): Unaimed {
  // Some schedules are crowded, some are long.
  const span = random.pick([200, 500, SPAN]);
  const moment = (): number => Math.floor(span * random.next());
  const programs = Array.from({ length: random.whole(1, 2) }, () => randomProgram(random, 4));
  const runs = Array.from({ length: random.whole(1, 4) }, () => ({
    program: random.below(programs.length),
    input: random.below(1_000),
    at: moment() >> 1,
    via: random.hits(0.3) ? ("publish" as const) : ("client" as const),
    again: random.hits(0.15),
  }));
  const commands = random.hits(0.3) ? [] : randomCommands(random, runs.length, moment);
  const workers = random.whole(1, 3);
  const orchestrators = random.whole(1, 2);
  const faults = random.hits(0.15) ? [] : randomFaults(random, workers + orchestrators, moment);
  const needsRepair = faults.some(
    ({ type, target }) =>
      type === "forget" || (KILLS.includes(type) && target % (workers + orchestrators) >= workers),
  );
  return {
    seed,
    theme: "anything",
    replicas: random.hits(0.5) ? 3 : 1,
    lag: random.pick([0.5, 0.95, 0.95]),
    workers,
    orchestrators,
    concurrency: random.pick([1, 2, 8]),
    stepsInPlace: random.pick([1, 2, 100]),
    skewMs: random.hits(0.2) ? 3_000 : 0,
    haste: random.pick([0, 0.005, 0.03]),
    isUneven: random.hits(0.5),
    beginsAtOnce: random.hits(0.9),
    wide: seed % 3 === 0,
    repairs: needsRepair || random.hits(0.3),
    programs,
    runs,
    commands,
    faults,
  };
}

function randomCommands(random: Random, runs: number, moment: () => number): PlannedCommand[] {
  const kinds = ["cancel", "pause", "pause", "resume", "signal", "signal"] as const;
  return Array.from({ length: random.whole(1, 8) }, () => ({
    at: moment(),
    run: random.below(runs),
    type: random.pick(kinds),
  }));
}

/** Each schedule has faults of some kinds only, so that what needs several of one kind comes about, too. */
function randomFaults(random: Random, processes: number, moment: () => number): PlannedFault[] {
  const kinds = Array.from({ length: random.whole(1, 3) }, () => random.pick(FAULTS));
  return Array.from({ length: random.whole(1, 8) }, () => {
    const type = random.pick(kinds);
    return { at: moment(), type, target: random.below(processes), lasts: lastsOf(type, random) };
  });
}
