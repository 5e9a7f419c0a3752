import type { Random } from "./random.ts";

// Workflows as data: small enough to be made at random and to be made smaller, and plain enough that what a run of one
// must come to can be computed without any engine.

export type Block =
  /** Computes. `ms`: how long it takes. */
  | { readonly type: "step"; readonly ms: number }
  /** Fails so often before it succeeds. */
  | { readonly type: "retry"; readonly failures: number; readonly waitMs: number }
  /** Fails for good; another node takes over. */
  | { readonly type: "fallback" }
  /** Goes round so often. */
  | { readonly type: "loop"; readonly rounds: number }
  /** Waits for a signal, or for one that never comes and then its time. */
  | { readonly type: "hold"; readonly timeoutMs: number | null }
  /** Waits for another signal, or for very long; after the signal it waits for a time. */
  | { readonly type: "either"; readonly ms: number }
  | { readonly type: "sleep"; readonly ms: number }
  /** A workflow of its own as one node. */
  | { readonly type: "child" }
  /** Fails the run until somebody has mended what it needs and resumes it. */
  | { readonly type: "breaks" }
  /** So many branches, each of them this body, and a join. */
  | { readonly type: "fork"; readonly width: number; readonly body: Program }
  /** So many branches that meet by hold: the last to come goes on. */
  | { readonly type: "meet"; readonly width: number };

export type Program = readonly Block[];

/** Keeps numbers small. */
const MODULUS = 9_973;
export const SIGNAL = "go";
/** The signal that some holds end with, and others by time: it changes no result. */
export const MAYBE = "maybe";
/** Longer than any schedule may last. */
export const VERY_LONG_MS = 3_600_000;
/** What each signal adds. */
export const PAYLOAD = 17;

export const stepped = (x: number): number => (x * 31 + 7) % MODULUS;

/** What a run must come to. */
export interface Expected {
  readonly output: number;
  /** Work items that come to be. */
  readonly items: number;
  /** Items that fail for good without failing the run. */
  readonly failed: number;
  readonly retries: number;
  /** Signals that it needs, of each name. */
  readonly signals: number;
  readonly maybes: number;
  readonly breaks: number;
}

type Tally = { -readonly [K in keyof Omit<Expected, "output">]: number } & {
  /** Sum of all that met so far. */
  met: number;
};

/** What a run of the program must come to, whatever happens on the way. */
export function expectedOf(program: Program, input: number): Expected {
  const tally: Tally = {
    items: 0,
    failed: 0,
    retries: 0,
    signals: 0,
    maybes: 0,
    breaks: 0,
    met: 0,
  };
  const output = walk(program, input, tally);
  const { met: _met, ...counted } = tally;
  return { output, ...counted };
}

function walk(program: Program, input: number, tally: Tally): number {
  return program.reduce((x, block) => one(block, x, tally), input);
}

function one(block: Block, x: number, tally: Tally): number {
  tally.items += 1;
  switch (block.type) {
    case "retry":
      tally.retries += block.failures;
      return stepped(x);
    case "fallback":
      tally.items += 1;
      tally.failed += 1;
      return stepped(x);
    case "loop":
      tally.items += block.rounds;
      return repeat(block.rounds, x);
    case "hold":
      if (block.timeoutMs !== null) return stepped(x);
      tally.signals += 1;
      return stepped(x + PAYLOAD);
    case "either":
      tally.maybes += 1;
      return stepped(x);
    case "breaks":
      tally.breaks += 1;
      return stepped(x);
    case "fork": {
      tally.items += 1;
      const branches = branchesOf(x, block.width).map((branch) => walk(block.body, branch, tally));
      return stepped(sum(branches));
    }
    case "meet":
      tally.items += block.width;
      for (const branch of branchesOf(x, block.width)) tally.met += branch;
      return stepped(tally.met);
    default:
      return stepped(x);
  }
}

function repeat(times: number, x: number): number {
  return times === 0 ? x : repeat(times - 1, stepped(x));
}

/** How many items have to meet in each of the program's places to meet and in those before it. */
export function meetings(program: Program): number[] {
  let soFar = 0;
  return program.map((block) => {
    if (block.type === "meet") soFar += block.width;
    return soFar;
  });
}

export const branchesOf = (x: number, width: number): number[] =>
  Array.from({ length: width }, (_, i) => (x + i) % MODULUS);

export const sum = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) % MODULUS;

/** A program at random, of about so many blocks. */
export function randomProgram(random: Random, size: number, depth = 0): Program {
  return Array.from({ length: random.whole(1, size) }, () => randomBlock(random, depth));
}

function randomBlock(random: Random, depth: number): Block {
  const kinds = [
    "step",
    "step",
    "retry",
    "fallback",
    "loop",
    "hold",
    "either",
    "sleep",
    "child",
    "fork",
  ];
  const rare = ["breaks", "meet"];
  const kind = random.hits(0.12) ? random.pick(rare) : random.pick(kinds);
  switch (kind) {
    case "retry":
      return { type: kind, failures: random.whole(1, 3), waitMs: random.pick([20, 900, 3_000]) };
    case "loop":
      return { type: kind, rounds: random.whole(1, 4) };
    case "hold":
      return { type: kind, timeoutMs: random.hits(0.5) ? null : random.pick([50, 2_000]) };
    case "either":
      return { type: kind, ms: random.pick([20, 3_000]) };
    case "sleep":
      return { type: kind, ms: random.pick([10, 1_500, 7_000]) };
    case "fallback":
    case "child":
    case "breaks":
      return { type: kind };
    case "fork":
      if (depth >= 2) return { type: "step", ms: 0 };
      return {
        type: kind,
        width: random.whole(0, depth === 0 ? 5 : 3),
        body: randomProgram(random, 2, depth + 1),
      };
    case "meet":
      // Arrivals are counted in the run's context, so they must come one place after the other.
      return depth > 0 ? { type: "step", ms: 0 } : { type: kind, width: random.whole(1, 4) };
    default:
      return { type: "step", ms: random.pick([0, 0, 0, 5, 6_000]) };
  }
}
