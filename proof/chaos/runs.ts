import type { Expected } from "../../test/support/fault-flows.ts";
import type { Chance } from "../support/chance.ts";

/** How a run is started. */
type Road = "publish" | "api" | "client";

/** What the customer does to a run on its way. */
type Deed = "nothing" | "cancel" | "pause";

/** One run: what it must come to is known before it begins. */
export interface PlannedRun extends Expected {
  readonly runId: string;
  readonly road: Road;
  readonly deed: Deed;
  /** Milliseconds after its start at which the deed is done, or the signal is sent. */
  readonly afterMs: number;
  /** How often its nodes execute when nothing goes wrong. */
  readonly executions: number;
  /** Payload of the signal that it waits for, or null. */
  readonly signal: number | null;
  /** True where one item follows the other: what holds one up holds the run up. */
  readonly isSequence: boolean;
}

type Shape = Expected & Pick<PlannedRun, "executions" | "signal" | "isSequence">;

const KINDS: readonly ((i: number, chance: Chance) => Shape)[] = [
  chain,
  fan,
  forks,
  retry,
  loop,
  fallback,
  wait,
];

/** The i-th run of a mixture of chains, forks with joins, loops, retries, fallbacks, holds with timers and signals. */
export function plan(prefix: string, i: number, chance: Chance): PlannedRun {
  const kind = KINDS[i % KINDS.length] ?? chain;
  const shape = kind(i, chance);
  const fate = chance.next();
  const deed: Deed = fate < 0.05 ? "cancel" : fate < 0.1 ? "pause" : "nothing";
  const road = chance.pick<Road>(["publish", "api", "client"]);
  return { ...shape, runId: `${prefix}-${i}`, road, deed, afterMs: chance.between(0, 400) };
}

function sequence(shape: Expected, executions: number): Shape {
  return { ...shape, executions, signal: null, isSequence: true };
}

function chain(i: number): Shape {
  const shape = { workflow: "fault-chain", input: i, output: i + 8, items: 8, retries: 0 };
  return sequence(shape, 8);
}

function loop(_i: number, chance: Chance): Shape {
  const n = 2 + chance.below(9);
  const shape = { workflow: "fault-loop", input: n, output: "zero", items: n + 1, retries: 0 };
  return sequence(shape, n + 1);
}

function retry(_i: number, chance: Chance): Shape {
  const n = chance.below(4);
  const output = [n + 1, n + 1];
  const shape = { workflow: "fault-retry", input: n, output, items: 2, retries: 2 * n };
  return sequence(shape, 2 + 2 * n);
}

function fallback(i: number): Shape {
  const output = `rescued ${i}`;
  const shape = { workflow: "fault-fallback", input: i, output, items: 2, retries: 0, failed: 1 };
  return sequence(shape, 2);
}

/** A timer, then a signal: each of the two nodes is executed once to wait and once to go on. */
function wait(i: number, chance: Chance): Shape {
  const timeoutMs = Math.round(chance.between(50, 1_500));
  const shape = { workflow: "fault-hold", input: timeoutMs, output: i, items: 2, retries: 0 };
  return { ...shape, executions: 4, signal: i, isSequence: false };
}

function fan(_i: number, chance: Chance): Shape {
  const n = 2 + chance.below(10);
  const output = (n * (n + 1)) / 2;
  const shape = { workflow: "fault-fan", input: n, output, items: n + 2, retries: 0 };
  return { ...shape, executions: n + 2, signal: null, isSequence: false };
}

function forks(_i: number, chance: Chance): Shape {
  const n = 2 + chance.below(4);
  const output = (3 * n * (n + 1)) / 2;
  const items = 2 + 5 * n;
  const shape = { workflow: "fault-forks", input: n, output, items, retries: 0 };
  return { ...shape, executions: items, signal: null, isSequence: false };
}
