import { MOMENTS, type Moment } from "./moments.ts";
import { type Block, type Program, randomProgram } from "./program.ts";
import type { Random } from "./random.ts";
import { FAULTS, lastsOf } from "./random-fault.ts";
import type { CommandType, FaultType, PlannedAim, Scenario, Unaimed } from "./scenario.ts";

// Schedules about few things each: small ones, in which what must come together for a fault to show does so often.

/** What aims of a theme are drawn from. */
interface Aiming {
  readonly at: readonly Moment[];
  readonly does: readonly (FaultType | CommandType)[];
  readonly chances: readonly number[];
  readonly times: number;
}

interface Theme {
  readonly name: string;
  /** How often it is drawn, against the others. @default 1 */
  readonly share?: number;
  readonly programs: readonly ((random: Random) => Program)[];
  readonly replicas?: readonly (1 | 3)[];
  /** Whether all of its schedules are repaired. */
  readonly repairs?: boolean;
  readonly workers?: readonly number[];
  readonly concurrencies?: readonly number[];
  /** Of each there are some aims. */
  readonly aims: readonly Aiming[];
}

const RARELY = [0.02, 0.1, 0.3] as const;
const OFTEN = [0.2, 0.5, 0.8] as const;

const STEP: Block = { type: "step", ms: 0 };

const steps = (random: Random): Program =>
  Array.from({ length: random.whole(1, 3) }, () => ({
    type: "step",
    ms: random.pick([0, 0, 0, 5]),
  }));

const chain = (random: Random): Program =>
  Array.from({ length: random.whole(3, 8) }, () => (random.hits(0.9) ? STEP : waiting(random)));

const short = (random: Random): Program =>
  Array.from({ length: random.whole(1, 2) }, () => ({ type: "step", ms: random.pick([0, 5]) }));

const fork = (random: Random): Program => [
  ...(random.hits(0.5) ? [STEP] : []),
  {
    type: "fork",
    width: random.whole(2, 5),
    body: random.hits(0.6) ? steps(random) : [waiting(random)],
  },
  ...(random.hits(0.3) ? [STEP] : []),
];

/** One whose branches take so long that most of them wait in the queue. */
const slowFork = (random: Random): Program => [
  { type: "fork", width: random.whole(3, 6), body: [{ type: "step", ms: random.pick([5, 900]) }] },
];

const holds = (random: Random): Program =>
  Array.from({ length: random.whole(1, 3) }, () => {
    if (random.hits(0.2)) return { type: "fork", width: 2, body: [waiting(random)] };
    return random.hits(0.2) ? STEP : waiting(random);
  });

const failing = (random: Random): Program =>
  Array.from({ length: random.whole(1, 3) }, () => {
    if (random.hits(0.3)) return { type: "fallback" };
    return { type: "retry", failures: random.whole(1, 3), waitMs: random.pick([20, 900, 3_000]) };
  });

const any = (random: Random): Program => randomProgram(random, 3);

/** Something that a message, a timer or a signal has to bring back. */
function waiting(random: Random): Block {
  const type = random.pick(["either", "either", "hold", "sleep", "retry"] as const);
  if (type === "either" || type === "sleep") return { type, ms: random.pick([20, 1_500, 5_000]) };
  if (type === "hold") return { type, timeoutMs: random.hits(0.5) ? null : 50 };
  return { type, failures: random.whole(1, 2), waitMs: random.pick([20, 3_000]) };
}

const THEMES: readonly Theme[] = [
  // The same message in several hands, and what becomes of those.
  {
    name: "hands",
    share: 2,
    programs: [chain, short, fork],
    aims: [
      {
        at: ["commit", "commit", "commit", "queue", "delivery"],
        does: ["late", "late", "again"],
        chances: OFTEN,
        times: 5,
      },
      {
        at: ["commit", "commit", "end", "queue", "ack"],
        does: ["kill", "kill", "kill", "stall"],
        chances: [0.1, 0.3, 0.5],
        times: 3,
      },
    ],
  },
  // Workers that die in the middle of what they do.
  {
    name: "deaths",
    share: 2,
    programs: [short, short, chain, fork],
    aims: [
      {
        at: ["ack", "ack", "end", "queue", "commit", "timer"],
        does: ["kill", "kill", "kill", "reboot"],
        chances: [0.3, 0.5, 0.8],
        times: 3,
      },
    ],
  },
  // What lies between a commit and what has to follow it.
  {
    name: "gaps",
    programs: [chain, short, fork, holds, any],
    aims: [
      {
        at: ["write", "commit", "hold", "end", "end", "fork", "queue", "timer", "ack"],
        does: ["kill", "kill", "cut", "cut", "delay", "slow", "stall", "reboot", "restart"],
        chances: [...RARELY, ...OFTEN],
        times: 3,
      },
    ],
  },
  // A cancel of a run with much in the queue.
  {
    name: "cancels",
    share: 2,
    programs: [fork, slowFork, slowFork],
    replicas: [1, 3, 3, 3],
    concurrencies: [1, 1, 2],
    aims: [
      {
        at: ["fork", "queue", "queue", "delivery", "commit"],
        does: ["cancel"],
        chances: [0.1, 0.3, 0.5],
        times: 1,
      },
      {
        at: ["fork", "queue", "command"],
        does: ["slow", "slow", "delay"],
        chances: OFTEN,
        times: 3,
      },
    ],
  },
  // A pause of a run of which several nodes are being executed.
  {
    name: "pauses",
    share: 2,
    programs: [fork, fork, short],
    workers: [1, 1, 2],
    concurrencies: [2, 8],
    aims: [
      {
        at: ["commit", "commit", "queue", "delivery", "write"],
        does: ["pause", "pause", "pause", "resume"],
        chances: [0.1, 0.3, 0.5],
        times: 3,
      },
      {
        at: ["commit", "commit", "write", "command", "delivery"],
        does: ["stall", "stall", "slow", "delay", "cut"],
        chances: OFTEN,
        times: 3,
      },
      { at: ["answer"], does: ["stall", "stall", "delay"], chances: OFTEN, times: 3 },
    ],
  },
  // Signals as soon as somebody waits for them.
  {
    name: "signals",
    share: 2,
    programs: [holds],
    aims: [
      { at: ["hold", "hold", "timer"], does: ["signal"], chances: [0.5, 0.8, 1], times: 4 },
      {
        at: ["hold", "timer", "timer", "write", "queue"],
        does: ["delay", "delay", "cut", "cut", "kill", "slow"],
        chances: OFTEN,
        times: 3,
      },
    ],
  },
  // One worker, that loses touch again and again.
  {
    name: "outages",
    programs: [failing, failing, fork, any],
    workers: [1],
    aims: [
      {
        at: ["commit", "commit", "write", "queue", "timer", "ack"],
        does: ["cut", "cut", "cut", "restart", "slow"],
        chances: [0.1, 0.3, 0.5],
        times: 4,
      },
    ],
  },
  // A queue that forgets what it has, and repairs.
  {
    name: "forgets",
    share: 2,
    programs: [chain, fork, holds],
    repairs: true,
    aims: [
      { at: ["delivery", "delivery", "commit"], does: ["forget"], chances: OFTEN, times: 3 },
      {
        at: ["delivery", "delivery", "write", "commit"],
        does: ["kill", "kill", "kill", "stall", "cancel"],
        chances: [0.1, 0.3, 0.5],
        times: 3,
      },
    ],
  },
  // Anything at any moment.
  {
    name: "moments",
    programs: [chain, fork, holds, any],
    aims: [
      {
        at: MOMENTS,
        does: [...FAULTS, "cancel", "pause", "resume", "signal"],
        chances: [...RARELY, ...OFTEN],
        times: 3,
      },
    ],
  },
];

/** A small scenario about one theme. */
export function themed(base: Unaimed, random: Random): Scenario {
  const theme = random.pick(
    THEMES.flatMap((one) => Array.from({ length: one.share ?? 1 }, () => one)),
  );
  const aims = theme.aims.flatMap((aiming) =>
    Array.from({ length: random.whole(1, 2) }, () => aimOf(aiming, random)),
  );
  const forgets = aims.some(({ does }) => does === "forget");
  const { name, programs, workers, replicas, concurrencies } = theme;
  const plain = small(base, random, programs);
  return {
    ...plain,
    workers: random.pick(workers ?? [plain.workers]),
    theme: name,
    replicas: random.pick(replicas ?? [base.replicas]),
    concurrency: random.pick(concurrencies ?? [base.concurrency]),
    aims,
    repairs: theme.repairs === true || forgets || random.hits(0.15),
  };
}

/** A small scenario in which nothing goes wrong. */
export function undisturbed(base: Unaimed, random: Random): Scenario {
  const calm = small(base, random, [fork, fork, any]);
  return { ...calm, theme: "undisturbed", wide: false, skewMs: 0, haste: 0, repairs: false };
}

function small(
  base: Unaimed,
  random: Random,
  programs: readonly ((random: Random) => Program)[],
): Scenario {
  const runs = Array.from({ length: random.hits(0.7) ? 1 : 2 }, (_, i) => ({
    program: 0,
    input: i,
    at: 20 * i,
    via: random.hits(0.2) ? ("publish" as const) : ("client" as const),
    again: random.hits(0.1),
  }));
  return {
    ...base,
    workers: random.pick([1, 2, 2, 2, 3]),
    orchestrators: 1,
    stepsInPlace: random.pick([1, 1, 2, 3, 100]),
    programs: [random.pick(programs)(random)],
    runs,
    commands: [],
    faults: [],
    aims: [],
    repairs: false,
  };
}

function aimOf({ at, does, chances, times }: Aiming, random: Random): PlannedAim {
  const type = random.pick(does);
  return {
    at: random.pick(at),
    does: type,
    whom: random.hits(0.15) ? "other" : "actor",
    chance: random.pick(chances),
    times: random.whole(1, times),
    after: random.pick([0, 0, 3, 15, 40]),
    lasts: lastsOf(type, random),
  };
}
