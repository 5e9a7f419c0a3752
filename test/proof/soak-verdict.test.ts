import { expect, test } from "vitest";
import type { Sample } from "../../proof/soak/sample.ts";
import { blocksOf, slopeOf } from "../../proof/soak/slope.ts";
import { growthOf, leftBehind } from "../../proof/soak/verdict.ts";

const MIB = 1024 * 1024;

/** Two samples a minute for an hour, with a saw-tooth of 4 MiB as a garbage collector makes it. */
function samples(growthMiBPerHour: number): Sample[] {
  return Array.from({ length: 120 }, (_, i) => ({
    at: 30 * i,
    memory: { heap: (50 + (growthMiBPerHour * i) / 120 + ((2 * i) % 5)) * MIB },
    streams: {},
  }));
}

test("a line is found through its points, with no error where they lie on it", () => {
  expect(
    slopeOf([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  ).toEqual({ perUnit: 2, error: 0, points: 3 });
});

test("points that do not lie on a line have an error as the textbook has it", () => {
  const slope = slopeOf([
    [1, 2],
    [2, 4],
    [3, 5],
    [4, 4],
    [5, 5],
  ]);
  expect(slope?.perUnit).toBeCloseTo(0.6, 10);
  expect(slope?.error).toBeCloseTo(0.2828427, 6);
});

test("two points, or points at one time, have no slope", () => {
  expect(
    slopeOf([
      [0, 1],
      [1, 2],
    ]),
  ).toBeNull();
  expect(
    slopeOf([
      [1, 1],
      [1, 2],
      [1, 3],
    ]),
  ).toBeNull();
});

test("a leak of a hundred MiB an hour is found, and a saw-tooth alone is none", () => {
  expect(growthOf(samples(100), 300, 30)).toMatchObject([{ series: "heap", isTooMuch: true }]);
  expect(growthOf(samples(0), 300, 30)).toMatchObject([{ series: "heap", isTooMuch: false }]);
});

test("ten minutes are needed to call growth too much", () => {
  const first = samples(100).filter(({ at }) => at < 600);
  expect(growthOf(first, 0, 30)).toMatchObject([{ isJudged: false, isTooMuch: false }]);
});

test("growth that cannot be told from noise is not called too much", () => {
  const noisy = samples(40).map((one, i) => ({ ...one, memory: { heap: (i * i * 7) % 997 } }));
  const [growth] = growthOf(
    noisy.map((one) => ({ ...one, memory: { heap: one.memory.heap * MIB } })),
    0,
    30,
  );
  expect(growth).toMatchObject({ isJudged: true, isTooMuch: false });
  expect(growth?.slope?.error).toBeGreaterThan(30);
});

test("neighbouring points become one, and what is left over at the end is left out", () => {
  const points = [1, 2, 3, 4, 5, 6, 7].map((x) => [x, 10 * x] as const);
  expect(blocksOf(points, 3)).toEqual([
    [1.5, 15],
    [3.5, 35],
    [5.5, 55],
  ]);
});

test("what the warm-up takes is not counted", () => {
  const warm = samples(0).map((one) => ({ ...one, memory: { heap: one.at < 600 ? 0 : 50 * MIB } }));
  expect(growthOf(warm, 600, 30)).toMatchObject([{ isTooMuch: false, slope: { perUnit: 0 } }]);
});

test("messages, subjects and consumers that stay are found, and those that are allowed are not", () => {
  const none = { messages: 0, subjects: 0, bytes: 0, consumers: 2 };
  const before = { work: none, runs: none };
  expect(leftBehind(before, before, {})).toEqual([]);
  const after = { work: { ...none, messages: 1, subjects: 1, consumers: 3 }, runs: none };
  expect(leftBehind(before, after, {})).toEqual([
    "work: 1 messages, 0 at first",
    "work: 1 subjects, 0 at first",
    "work: 3 consumers, 2 at first",
  ]);
  expect(leftBehind(before, after, { work: 1 })).toEqual(["work: 3 consumers, 2 at first"]);
  expect(leftBehind(before, { ...before, more: { ...none, messages: 3 } }, {})).toHaveLength(2);
});
