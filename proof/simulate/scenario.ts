import { type Program, randomProgram } from "./program.ts";
import { Random } from "./random.ts";

/** A run that is asked for. Moments are steps of the scheduler. */
export interface PlannedRun {
  readonly program: number;
  readonly input: number;
  readonly at: number;
  /** `publish`: as anybody could, with no client. */
  readonly via: "client" | "publish";
  /** Asked for a second time, later, by somebody else. */
  readonly again: boolean;
}

export interface PlannedCommand {
  readonly at: number;
  readonly run: number;
  readonly type: "cancel" | "pause" | "resume" | "signal";
}

type FaultType =
  /** A process is killed; another takes its place. */
  | "kill"
  /** A process stands still and goes on later. */
  | "stall"
  /** A worker is told to stop; another takes its place. */
  | "stop"
  /** A connection breaks, and comes back later. */
  | "cut"
  /** Nothing that a process sends or is sent arrives for a while. */
  | "delay"
  /** The server is killed and comes back. */
  | "restart"
  /** The same, and a process on the same machine dies with it. */
  | "reboot"
  /** A message that somebody has in hand is handed out again, as when he was slow to say that he works on it. */
  | "again"
  /** A consumer loses what it knows: all messages are handed out again. */
  | "amnesia"
  /** A consumer takes a message for acknowledged that is not (nats-server issue 5727). */
  | "forget";

const FAULTS: readonly FaultType[] = [
  "kill",
  "kill",
  "stall",
  "stop",
  "cut",
  "delay",
  "again",
  "again",
  "restart",
  "reboot",
  "amnesia",
  "forget",
];

export interface PlannedFault {
  readonly at: number;
  readonly type: FaultType;
  /** Which process, as far as there are that many; the orchestrators come after the workers. */
  readonly target: number;
  /** Milliseconds, or for `delay` steps, until it is over. */
  readonly lasts: number;
}

/** All that is decided before the first step. The rest is the order of steps, decided by the seed. */
export interface Scenario {
  readonly seed: number;
  readonly replicas: 1 | 3;
  readonly workers: number;
  readonly orchestrators: number;
  readonly concurrency: number;
  readonly stepsInPlace: number;
  /** How far the clocks of processes are off, in milliseconds, at most. */
  readonly skewMs: number;
  /** How often time passes although something could happen now: 0 to 1. */
  readonly haste: number;
  /** Whether forks are kept outside their checkpoints whatever their width, one branch or two in a chunk. */
  readonly wide: boolean;
  /** Whether orchestrators look for what is stranded. Where none of the faults needs it, none must. */
  readonly repairs: boolean;
  readonly programs: readonly Program[];
  readonly runs: readonly PlannedRun[];
  readonly commands: readonly PlannedCommand[];
  readonly faults: readonly PlannedFault[];
}

/** Faults that end a process: of an orchestrator, in the middle of what it does. */
const KILLS: readonly FaultType[] = ["kill", "stop", "reboot"];

/** Steps within which everything is planned, at most. */
const SPAN = 1_200;

/** The scenario of a seed. One in four is about what needs several rare things at once. */
export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const any = anyScenario(seed, random);
  if (random.hits(0.75)) return any;
  return random.hits(0.6) ? handOvers(any, random) : reboots(any, random);
}

/** Chains that go through the queue at each step, messages that several workers have in hand, workers that die. */
function handOvers(any: Scenario, random: Random): Scenario {
  const steps = (count: number) =>
    Array.from({ length: count }, () => ({ type: "step" as const, ms: 0 }));
  const workers = random.whole(2, 3);
  const runs = [{ program: 0, input: 1, at: 0, via: "client" as const, again: false }];
  return {
    ...any,
    workers,
    orchestrators: 1,
    stepsInPlace: random.whole(1, 4),
    repairs: false,
    programs: [steps(random.whole(6, 12))],
    runs,
    commands: [],
    faults: Array.from({ length: random.whole(4, 9) }, () => ({
      at: random.whole(20, 200),
      type: random.pick(["again", "again", "kill", "delay"] as const),
      target: random.below(workers),
      lasts: random.pick([10, 50, 5_000]),
    })),
  };
}

/** Forks, and machines that go down with the server and a worker on them. */
function reboots(any: Scenario, random: Random): Scenario {
  const step = { type: "step", ms: 0 } as const;
  const fork = { type: "fork", width: random.whole(2, 5), body: [step] } as const;
  const runs = Array.from({ length: 2 }, (_, i) => {
    return { program: 0, input: i, at: 20 * i, via: "client" as const, again: false };
  });
  return {
    ...any,
    orchestrators: 1,
    repairs: false,
    programs: [[step, fork]],
    runs,
    commands: [],
    faults: Array.from({ length: random.whole(2, 6) }, () => ({
      at: random.whole(20, 200),
      type: "reboot" as const,
      target: random.below(any.workers),
      lasts: random.pick([10, 700]),
    })),
  };
}

function anyScenario(seed: number, random: Random): Scenario {
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
    replicas: random.hits(0.4) ? 3 : 1,
    workers,
    orchestrators,
    concurrency: random.pick([1, 2, 8]),
    stepsInPlace: random.pick([1, 2, 100]),
    skewMs: random.hits(0.2) ? 3_000 : 0,
    haste: random.pick([0, 0.005, 0.03]),
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
  return Array.from({ length: random.whole(1, 8) }, () => ({
    at: moment(),
    type: random.pick(kinds),
    target: random.below(processes),
    lasts: random.pick([10, 700, 5_000, 9_000]),
  }));
}
