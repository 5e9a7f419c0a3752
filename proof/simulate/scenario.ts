import type { Moment } from "./moments.ts";
import type { Program } from "./program.ts";

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

export type CommandType = "cancel" | "pause" | "resume" | "signal";

const COMMANDS: ReadonlySet<string> = new Set(["cancel", "pause", "resume", "signal"]);

export const isCommand = (does: FaultType | CommandType): does is CommandType => COMMANDS.has(does);

export interface PlannedCommand {
  readonly at: number;
  readonly run: number;
  readonly type: CommandType;
}

export type FaultType =
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
  /** The server does nothing for a while with what is sent to one of its streams, or asked of one. */
  | "slow"
  /** The server is killed and comes back. */
  | "restart"
  /** The same, and a process on the same machine dies with it. */
  | "reboot"
  /** A message that somebody has in hand is handed out again, as when he was slow to say that he works on it. */
  | "again"
  /** Both: a process is delayed, and what some have in hand is handed out again. */
  | "late"
  /** A consumer loses what it knows: all messages are handed out again. */
  | "amnesia"
  /** A consumer takes a message for acknowledged that is not (nats-server issue 5727). */
  | "forget";

export interface PlannedFault {
  readonly at: number;
  readonly type: FaultType;
  /** Which process, as far as there are that many; the orchestrators come after the workers. */
  readonly target: number;
  /** Until it is over: milliseconds, or steps for `delay` and `slow`. */
  readonly lasts: number;
}

/** A fault or a command that comes about when something happens, instead of at a step of its own. */
export interface PlannedAim {
  readonly at: Moment;
  /** A fault befalls a process, a command the run. */
  readonly does: FaultType | CommandType;
  /** The process whose moment it is, or another of its kind. */
  readonly whom: "actor" | "other";
  /** How likely it is each time: 0 to 1. */
  readonly chance: number;
  /** How often at most. */
  readonly times: number;
  /** Steps until it comes about, at most. */
  readonly after: number;
  /** As that of a fault. */
  readonly lasts: number;
}

/** All that is decided before the first step. The rest is the order of steps, decided by the seed. */
export interface Scenario {
  readonly seed: number;
  /** What it is about. */
  readonly theme: string;
  readonly replicas: 1 | 3;
  /** How often a replica that is asked is behind: 0 to 1. */
  readonly lag: number;
  readonly workers: number;
  readonly orchestrators: number;
  readonly concurrency: number;
  readonly stepsInPlace: number;
  /** How far the clocks of processes are off, in milliseconds, at most. */
  readonly skewMs: number;
  /** How often time passes although something could happen now: 0 to 1. */
  readonly haste: number;
  /** Whether some processes and streams are slower than others for a while. */
  readonly isUneven: boolean;
  /** Whether the processes begin without anybody deciding an order. */
  readonly beginsAtOnce: boolean;
  /** Whether forks are kept outside their checkpoints whatever their width, one branch or two in a chunk. */
  readonly wide: boolean;
  /** Whether orchestrators look for what is stranded. Where none of the faults needs it, none must. */
  readonly repairs: boolean;
  readonly programs: readonly Program[];
  readonly runs: readonly PlannedRun[];
  readonly commands: readonly PlannedCommand[];
  readonly faults: readonly PlannedFault[];
  readonly aims: readonly PlannedAim[];
}

/** A scenario before anything is aimed in it. */
export type Unaimed = Omit<Scenario, "aims">;

/**
 * True where nobody has a reason to be late: then no message may wait in vain to be acknowledged. (That of an item which
 * opens a wide fork does, once.)
 */
export function isUndisturbed(scenario: Scenario): boolean {
  const { commands, faults, aims, haste, skewMs, wide } = scenario;
  return !wide && commands.length + faults.length + aims.length + haste + skewMs === 0;
}
