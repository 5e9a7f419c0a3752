import { expect } from "vitest";
import type { Applied, ChangeEnvironment } from "../../../src/core/checkpoint/apply.ts";
import { applyChanges } from "../../../src/core/checkpoint/apply.ts";
import type { Change, Outcome, Refusal } from "../../../src/core/checkpoint/change.ts";
import type { Checkpoint, Item } from "../../../src/core/checkpoint/checkpoint.ts";
import { newCheckpoint } from "../../../src/core/checkpoint/checkpoint.ts";
import type { Routed, Successor } from "../../../src/core/checkpoint/routed.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { Json } from "../../../src/core/json.ts";

export const T0 = Date.UTC(2026, 0, 1);
export const iso = (ms: number): string => new Date(ms).toISOString();

export const failureAt = (item: number, now = T0): Failure => ({
  kind: "error",
  name: "Error",
  message: "it broke",
  fatal: false,
  stack: null,
  node: "n",
  item,
  attempt: 1,
  at: iso(now),
});

/** Makes writes to it, or to anything in it, throw. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Adds numbers, appends to lists, replaces the rest. */
export const merge: ChangeEnvironment["merge"] = (context, delta) => {
  const merged = { ...context };
  for (const [name, value] of Object.entries(delta)) {
    const known = merged[name];
    if (typeof known === "number" && typeof value === "number") merged[name] = known + value;
    else if (Array.isArray(known) && Array.isArray(value))
      merged[name] = [...known, ...value] as Json;
    else merged[name] = value;
  }
  return merged;
};

/** A run of which nothing has happened yet. */
export function fresh(runId = "r"): Checkpoint {
  const run = {
    runId,
    workflow: "orders",
    version: 1,
    fingerprint: "",
    inputHash: "",
    startSeq: 0,
    context: {},
    createdAt: T0,
  };
  return deepFreeze(newCheckpoint(run, T0));
}

export const START = {
  type: "start",
  node: "first",
  input: "in",
  fingerprint: "print",
  version: 2,
  startSeq: 7,
  inputHash: "hash",
  context: { total: 0, log: [] as Json[] },
} as const;

export const item = (node: string, input: Json = null): Successor => ({
  type: "item",
  node,
  input,
});
export const join = (node: string, value: Json): Successor => ({ type: "join", node, value });
export const end = (value: Json = null): Successor => ({ type: "end", value });

/** One successor, or none, without a fork. */
export const goes = (...successors: readonly Successor[]): Routed => ({
  forks: false,
  successors,
  emptyJoins: [],
});
/** A fork whose branches these are. */
export const forks = (
  successors: readonly Successor[],
  emptyJoins: readonly string[] = [],
): Routed => ({
  forks: true,
  successors,
  emptyJoins,
});

type Of<T extends Change["type"]> = Extract<Change, { readonly type: T }>;
type More<T extends Change["type"]> = Partial<Of<T>>;

/** A run in a test's hands: every change is applied to a frozen checkpoint. */
export class TestRun {
  checkpoint: Checkpoint;
  now = T0;
  by: string | null = "w1";
  last: Applied | null = null;
  #commits = 0;

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** A run that has begun, with one item at node `first`. */
  static begun(): TestRun {
    const run = new TestRun(fresh());
    run.does(START);
    return run;
  }

  /** A run whose first item forked into these branches. @returns it, and ids of the items */
  static forked(...branches: readonly Successor[]): readonly [TestRun, readonly number[]] {
    const run = TestRun.begun();
    return [run, run.complete(1, forks(branches))];
  }

  change(...changes: readonly Change[]): readonly Outcome[] {
    this.#commits += 1;
    const env = { now: this.now, by: this.by, commit: `c${this.#commits}`, merge };
    this.last = applyChanges(deepFreeze(this.checkpoint), deepFreeze(changes), env);
    this.checkpoint = this.last.checkpoint;
    return this.last.outcomes;
  }

  /** Applies a change that counts. @returns ids of the items that want to run now */
  does(change: Change): readonly number[] {
    const [outcome] = this.change(change);
    if (outcome?.applied !== true)
      throw new Error(`${change.type} is refused: ${outcome?.refusal}`);
    return outcome.items;
  }

  /** Applies a change that does not count. @returns why */
  refuses(change: Change): Refusal {
    const before = this.checkpoint;
    const [outcome] = this.change(change);
    if (outcome?.applied !== false) throw new Error(`${change.type} is not refused`);
    expect(this.checkpoint).toBe(before);
    expect(this.last?.changed).toBe(false);
    return outcome.refusal;
  }

  complete(id: number, routed: Routed, more: More<"complete"> = {}): readonly number[] {
    return this.does({ type: "complete", ...this.answer(id), ms: 1, delta: null, routed, ...more });
  }

  hold(id: number, more: More<"hold">): readonly number[] {
    const change = {
      type: "hold",
      ...this.answer(id),
      ms: 1,
      delta: null,
      for: null,
      untilMs: null,
    } as const;
    return this.does({ ...change, ...more });
  }

  retry(id: number, notBeforeMs: number, more: More<"retry"> = {}): readonly number[] {
    const failure = failureAt(id, this.now);
    const change = {
      type: "retry",
      ...this.answer(id),
      ms: 1,
      failure,
      notBeforeMs,
      deliveries: 1,
    } as const;
    return this.does({ ...change, ...more });
  }

  /** Writes down that the item's message came again. */
  tried(id: number): readonly number[] {
    return this.does({ type: "try", ...this.answer(id) });
  }

  lost(id: number, lost: number): readonly number[] {
    const failure = failureAt(id, this.now);
    return this.does({ type: "lost", ...this.answer(id), failure, lost });
  }

  fail(id: number): readonly number[] {
    return this.does({ type: "fail", ...this.answer(id), ms: 1, failure: failureAt(id, this.now) });
  }

  signal(
    name: string,
    payload: Json = null,
    id = `${name} ${JSON.stringify(payload)}`,
  ): readonly number[] {
    return this.does({ type: "signal", id, name, payload });
  }

  /** What every answer to an item names: its turn as it stands, its message as it is vouched for. */
  answer(id: number): { readonly item: number; readonly turn: number; readonly carrier: number } {
    const { turn, carrier } = this.item(id);
    return { item: id, turn, carrier: carrier ?? id };
  }

  item(id: number): Item {
    const found = this.checkpoint.items[id];
    if (found === undefined) throw new Error(`there is no item ${id}`);
    return found;
  }

  /** Ids of the items at a node. */
  at(node: string): readonly number[] {
    return Object.entries(this.checkpoint.items)
      .filter(([, it]) => it.node === node)
      .map(([id]) => Number(id));
  }

  /** Kinds of the events that are kept. */
  get events(): readonly string[] {
    return this.checkpoint.history.events.map(([, , kind]) => kind);
  }
}
