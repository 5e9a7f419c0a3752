import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import {
  abort,
  counter,
  type Handles,
  hold,
  type NodeContext,
  next,
  node,
  split,
  variant,
  variants,
  workflow,
} from "../../src/workflows/index.ts";

// Workflows for tests that kill things. Every execution is written down before it does anything, apart from what the
// engine keeps, and every node adds one to a counter of the run: so executions, commits and what the engine says of
// itself can be held against each other.

/** One execution of one node, written down as it began. */
export interface Execution {
  readonly run: string;
  readonly item: number;
  readonly node: string;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly worker: string;
}

type Journal = (execution: Omit<Execution, "worker">) => void;

const here = { journal: (() => {}) as Journal, paceMs: 0 };

/** How executions of this process are written down, and how many milliseconds a node takes on average. */
export function instrument(journal: Journal, paceMs: number): void {
  here.journal = journal;
  here.paceMs = paceMs;
}

const Steps = { steps: counter() };
type Context = NodeContext<Handles<typeof Steps>>;

function begin({ run, item, node: name, attempt }: Context): void {
  here.journal({ run: run.id, item, node: name, attempt, at: Date.now() });
}

/** Begins, takes some time, and counts. */
async function step(c: Context): Promise<void> {
  begin(c);
  if (here.paceMs > 0) await pause(2 * here.paceMs * Math.random());
  c.steps.add(1);
}

const add = node({
  context: Steps,
  input: z.number(),
  output: z.number(),
  run: async (c, n) => {
    await step(c);
    return next(n + 1);
  },
});

const CHAIN = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"] as const;

/** Eight nodes one after the other, each adding one. */
export const faultChain = workflow({
  name: "fault-chain",
  version: 1,
  context: Steps,
  nodes: Object.fromEntries(CHAIN.map((name) => [name, add])),
  start: "n1",
  edges: Object.fromEntries(
    CHAIN.map((name, i) => [name, i + 1 < CHAIN.length ? [`n${i + 2}`] : []]),
  ),
});

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const fork = split({
  context: Steps,
  input: z.number(),
  output: z.number(),
  into: async (n, c) => {
    await step(c);
    return range(n);
  },
});

const sum = node({
  context: Steps,
  input: z.array(z.number()),
  output: z.number(),
  run: async (c, all) => {
    await step(c);
    return next(all.reduce((a, b) => a + b, 0));
  },
});

/** Splits n into 0 … n-1, adds one to each, and sums them. */
const faultFan = workflow({
  name: "fault-fan",
  version: 1,
  context: Steps,
  nodes: { fork, part: add, sum },
  start: "fork",
  edges: { fork: ["part"], part: { join: "sum" }, sum: [] },
});

/** Forks in forks: n branches of 3 each, joined inside and outside. */
const faultForks = workflow({
  name: "fault-forks",
  version: 1,
  context: Steps,
  nodes: {
    outer: fork,
    inner: split({
      context: Steps,
      input: z.number(),
      output: z.number(),
      into: async (n, c) => {
        await step(c);
        return [n, n, n];
      },
    }),
    leaf: add,
    gather: sum,
    total: sum,
  },
  start: "outer",
  edges: {
    outer: ["inner"],
    inner: ["leaf"],
    leaf: { join: "gather" },
    gather: { join: "total" },
    total: [],
  },
});

/** Fails as often as its input says in its first node, then in its second; gives both numbers of attempts. */
const faultRetry = workflow({
  name: "fault-retry",
  version: 1,
  context: Steps,
  retry: { maxAttempts: 5, initialMs: 40, backoff: "constant", jitter: 0.5 },
  nodes: {
    first: node({
      context: Steps,
      input: z.number(),
      output: z.object({ failures: z.number(), first: z.number() }),
      run: async (c, failures) => {
        await step(c);
        if (c.attempt <= failures) throw new Error(`attempt ${c.attempt} fails`);
        return next({ failures, first: c.attempt });
      },
    }),
    second: node({
      context: Steps,
      input: z.object({ failures: z.number(), first: z.number() }),
      output: z.array(z.number()),
      run: async (c, { failures, first }) => {
        await step(c);
        if (c.attempt <= failures) throw new Error(`attempt ${c.attempt} fails`);
        return next([first, c.attempt]);
      },
    }),
  },
  start: "first",
  edges: { first: ["second"], second: [] },
});

/** Waits twice: for a time, and for a signal `go` whose payload it gives. */
export const faultHold = workflow({
  name: "fault-hold",
  version: 1,
  context: Steps,
  nodes: {
    sleep: node({
      context: Steps,
      input: z.number(),
      output: z.number(),
      run: (c, timeoutMs) => {
        begin(c);
        if (c.wake === null) return hold({ timeoutMs });
        c.steps.add(1);
        return next(timeoutMs);
      },
    }),
    wait: node({
      context: Steps,
      input: z.number(),
      output: z.number(),
      signals: { go: z.number() },
      run: (c) => {
        begin(c);
        if (c.wake === null || c.wake.type === "timeout") return hold({ for: "go" });
        c.steps.add(1);
        return next(c.wake.payload);
      },
    }),
  },
  start: "sleep",
  edges: { sleep: ["wait"], wait: [] },
});

/** Goes round as often as its input says. */
const faultLoop = workflow({
  name: "fault-loop",
  version: 1,
  context: Steps,
  nodes: {
    down: node({
      context: Steps,
      input: z.number(),
      output: variants({ again: z.number(), done: z.string() }),
      run: async (c, n) => {
        await step(c);
        return next(n <= 0 ? variant("done", "zero") : variant("again", n - 1));
      },
    }),
  },
  start: "down",
  edges: { down: { on: { again: ["down"], done: [] } } },
});

/** Its first node fails for good, and another takes over. */
const faultFallback = workflow({
  name: "fault-fallback",
  version: 1,
  context: Steps,
  nodes: {
    work: node({
      context: Steps,
      input: z.number(),
      output: z.number(),
      run: async (c, n) => {
        await step(c);
        return abort(`${n} is no good`);
      },
    }),
    rescue: node({
      context: Steps,
      input: z.number(),
      output: z.string(),
      run: async (c, n) => {
        await step(c);
        return next(`rescued ${n}`);
      },
    }),
  },
  start: "work",
  edges: { work: { next: [], onError: ["rescue"] }, rescue: [] },
});

/** Does to its process what its input says, then goes on. */
const faultKiller = workflow({
  name: "fault-killer",
  version: 1,
  context: Steps,
  nodes: {
    harm: node({
      context: Steps,
      input: z.object({ how: z.enum(["exit", "sigkill", "block"]), ms: z.number() }),
      output: z.string(),
      run: async (c, { how, ms }) => {
        begin(c);
        if (how === "exit") process.exit(1);
        if (how === "sigkill") {
          process.kill(process.pid, "SIGKILL");
          await new Promise(() => {});
        }
        const until = performance.now() + ms;
        while (performance.now() < until);
        c.steps.add(1);
        return next(how);
      },
    }),
  },
  start: "harm",
  edges: { harm: [] },
});

/** All of them: every worker process has them. */
export const faultFlows = [
  faultChain,
  faultFan,
  faultForks,
  faultRetry,
  faultHold,
  faultLoop,
  faultFallback,
  faultKiller,
] as const;

/** What a run must come to, whatever happens on the way. */
export interface Expected {
  readonly workflow: string;
  readonly input: number;
  readonly output: unknown;
  readonly items: number;
  readonly retries: number;
  /** Items that fail for good. @default 0 */
  readonly failed?: number;
}

/** The i-th run of a mixture of chains, fan-outs, nested forks and retries, with what it must come to. */
export function mixture(i: number): Expected {
  const n = 3 + (i % 6);
  switch (i % 4) {
    case 0:
      return { workflow: "fault-chain", input: i, output: i + 8, items: 8, retries: 0 };
    case 1:
      return {
        workflow: "fault-fan",
        input: n,
        output: (n * (n + 1)) / 2,
        items: n + 2,
        retries: 0,
      };
    case 2:
      return {
        workflow: "fault-forks",
        input: n,
        output: (3 * n * (n + 1)) / 2,
        items: 2 + 5 * n,
        retries: 0,
      };
    default: {
      const failures = i % 3;
      return {
        workflow: "fault-retry",
        input: failures,
        output: [failures + 1, failures + 1],
        items: 2,
        retries: 2 * failures,
      };
    }
  }
}
