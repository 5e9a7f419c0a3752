import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoint/checkpoint.ts";
import { FIGURE, isTerminal } from "../../../src/core/checkpoint/checkpoint.ts";
import { StoredCheckpointSchema, toStoredText } from "../../../src/core/checkpoint/stored-form.ts";
import { asPatch, follow, toPatchText } from "../../../src/core/checkpoint/stored-patch.ts";

/** Holds for every checkpoint that changes have made. */
export function expectSound(checkpoint: Checkpoint): void {
  expectForksCount(checkpoint);
  expectStatusFits(checkpoint);
  expectItemsFit(checkpoint);
  expectFiguresAgree(checkpoint);
  expectSame(stored(checkpoint), checkpoint);
}

/** Equal, keys that are undefined included. Many times faster than `expect` where it is. */
export function expectSame<T>(actual: T, expected: T): void {
  if (isDeepStrictEqual(actual, expected)) return;
  expect(actual).toEqual(expected);
  expect.unreachable("the two differ in keys that are undefined");
}

/** The checkpoint as whoever reads it next will have it. */
export function stored(checkpoint: Checkpoint): Checkpoint {
  const { data, error } = StoredCheckpointSchema.safeParse(JSON.parse(toStoredText(checkpoint)));
  if (data === undefined) throw error;
  return data;
}

/** The checkpoint after `before` as whoever reads it next will have it, where it is stored as what has changed. */
export function patched(before: Checkpoint, after: Checkpoint): Checkpoint | null {
  const patch = asPatch(JSON.parse(toPatchText(before, after, 1)));
  return patch === null ? null : follow(before, patch);
}

/** Holds between a checkpoint and the next that was written. */
export function expectFollows(before: Checkpoint, after: Checkpoint): void {
  expect(after.nextItem).toBeGreaterThanOrEqual(before.nextItem);
  expect(after.nextFork).toBeGreaterThanOrEqual(before.nextFork);
  expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
  expectSame(after.outputs.slice(0, before.outputs.length), before.outputs);
  for (const key of ["items", "completed", "failed", "retries", "lost"] as const) {
    expect(after.counters[key]).toBeGreaterThanOrEqual(before.counters[key]);
  }
  for (const [id, item] of Object.entries(after.items)) {
    const was = before.items[id];
    if (was === undefined) expect(Number(id)).toBeGreaterThanOrEqual(before.nextItem);
    else expectSameItem(was, item);
  }
  if (isTerminal(before.status) && after.status !== before.status) {
    expectSame([before.status, after.status], ["failed", "running"]);
    expect(after.epoch).toBe(before.epoch + 1);
  }
}

type Item = Checkpoint["items"][string];

function expectSameItem(before: Item, after: Item): void {
  expect(after).toMatchObject({ node: before.node, input: before.input });
  expectSame(after.scope, before.scope);
  expect(after.turn).toBeGreaterThanOrEqual(before.turn);
  const waits = ({ hold, attempt, notBefore, failed }: Item) => ({
    hold,
    attempt,
    notBefore,
    failed,
  });
  if (after.turn !== before.turn) return;
  expectSame(waits(after), waits(before));
  // One more in a row, or as many as before: within a turn no execution is heard of.
  const more = (after.lost ?? 0) - (before.lost ?? 0);
  expect([0, 1]).toContain(more);
  if (more === 1)
    expect(after).toMatchObject({ trying: true, failure: { item: expect.any(Number) } });
  else expectSame(after.failure, before.failure);
}

function expectForksCount({ items, forks, nextFork }: Checkpoint): void {
  const live = new Map<number, number>();
  const count = (fork: number): void => {
    live.set(fork, (live.get(fork) ?? 0) + 1);
  };
  for (const { scope } of Object.values(items)) if (scope) count(scope.fork);
  for (const { parent } of Object.values(forks)) if (parent) count(parent.fork);
  expect(Object.fromEntries(Object.entries(forks).map(([id, fork]) => [id, fork.live]))).toEqual(
    Object.fromEntries(live),
  );
  for (const [id, { live: now, parent, joins }] of Object.entries(forks)) {
    expect(now).toBeGreaterThan(0);
    expect(Number(id)).toBeLessThan(nextFork);
    if (parent) expect(parent.fork).toBeLessThan(Number(id));
    for (const values of Object.values(joins)) expect(values).not.toEqual([]);
  }
}

function expectStatusFits({
  status,
  started,
  items,
  forks,
  signals,
  failure,
  finishedAt,
}: Checkpoint): void {
  const isEmpty = Object.keys(items).length === 0;
  expect(status === "completed").toBe(started && isEmpty);
  if (isEmpty) expectSame(forks, {});
  if (status === "completed") expectSame(signals, []);
  expect(failure !== undefined).toBe(status === "failed");
  expect(finishedAt !== undefined).toBe(isTerminal(status));
  const failed = Object.values(items).filter((item) => item.failed === true);
  expect(failed).toHaveLength(status === "failed" ? 1 : 0);
}

function expectItemsFit({ items, nextItem, signals, context }: Checkpoint): void {
  const names = new Set(signals.map(({ name }) => name));
  for (const [id, item] of Object.entries(items)) {
    expect(Number(id)).toBeLessThan(nextItem);
    expect(item.hold && item.wake).toBeUndefined();
    if (item.hold?.for != null) expect(names).not.toContain(item.hold.for);
    // What counts for nothing is not written.
    if ("trying" in item) expect(item.trying).toBe(true);
    if ("lost" in item) expect(item.lost).toBeGreaterThan(0);
    if (item.failed === true) expect(item.failure).toBeUndefined();
    else if (item.lost !== undefined) expect(item.failure).toBeDefined();
  }
  expect(context).toBeDefined();
}

function expectFiguresAgree({ counters, nodes, nextItem, items, history }: Checkpoint): void {
  const sum = (pick: (figures: Checkpoint["nodes"][string]) => number): number =>
    Object.values(nodes).reduce((total, figures) => total + pick(figures), 0);
  expectSame(
    {
      items: nextItem - 1,
      completed: sum((figures) => figures[FIGURE.completed]),
      failed: sum((figures) => figures[FIGURE.failed]),
      retries: sum((figures) => figures[FIGURE.retries]),
    },
    {
      items: counters.items,
      completed: counters.completed,
      failed: counters.failed,
      retries: counters.retries,
    },
  );
  for (const [, , , totalMs, maxMs] of Object.values(nodes))
    expect(maxMs).toBeLessThanOrEqual(totalMs);
  expect(Object.keys(items).length).toBeLessThanOrEqual(counters.items - counters.completed);
  const numbers = history.events.map(([number]) => number);
  expectSame(
    numbers,
    numbers.map((_, i) => history.next - numbers.length + i),
  );
}
