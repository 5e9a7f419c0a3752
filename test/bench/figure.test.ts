import { describe, expect, test } from "vitest";
import { figure, missed, rejudged } from "../../bench/figure.ts";
import { inRounds, inTurns, sized } from "../../bench/scenario.ts";
import { median } from "../../bench/stats.ts";

const RATE = { what: "nodes/s", unit: "nodes/s" };

describe("a figure", () => {
  test("has the median of its rounds, and every round", () => {
    const { value, rounds } = figure({ ...RATE, rounds: [3_000, 1_000, 2_000] });
    expect({ value, rounds }).toEqual({ value: 2_000, rounds: [3_000, 1_000, 2_000] });
  });

  test("is held against the median of the rounds' own ratios", () => {
    // The machine was half as fast in the last round: the ratio of the medians would be 0.25.
    const measured = figure({
      ...RATE,
      rounds: [1_000, 500, 250],
      beside: { raw: [2_000, 2_000, 500] },
      bounds: [{ to: "raw", least: 0.5 }],
    });
    expect(measured.beside[0]).toEqual({
      name: "raw",
      value: 2_000,
      rounds: [2_000, 2_000, 500],
      ratio: 0.5,
    });
    expect(measured.reached).toBe(true);
  });

  test.each([
    [{ least: 1_001 }, "≥ 1,001 nodes/s", false],
    [{ most: 1_000 }, "≤ 1,000 nodes/s", true],
    [{ to: "raw", least: 0.51 }, "≥ 0.51 × raw", false],
    [{ to: "raw", most: 0.5 }, "≤ 0.5 × raw", true],
  ])("with the bound %o says %s", (bound, goal, reached) => {
    const beside = { raw: [2_000] };
    const measured = figure({ ...RATE, rounds: [1_000], beside, bounds: [bound] });
    expect(measured).toMatchObject({ goal, reached });
  });

  test("without a bound has no goal", () => {
    expect(figure({ ...RATE, rounds: [1] })).toMatchObject({ goal: null, reached: null });
  });

  test("is not judged by what was not there, but fails by what was", () => {
    const peer = { to: "peer", least: 2 };
    const beside = { peer: [] };
    const measured = figure({ ...RATE, rounds: [5], beside, bounds: [peer, { least: 1 }] });
    expect(measured).toMatchObject({ beside: [], reached: null, goal: "≥ 2 × peer; ≥ 1 nodes/s" });
    expect(rejudged(measured, [peer, { least: 6 }]).reached).toBe(false);
  });

  test("that could not be measured has failed, and says why", () => {
    const measured = missed("1 -> 2", "ms", "payload_too_large: too much");
    expect(measured).toMatchObject({ value: null, reached: false });
    expect(measured.note).toBe("payload_too_large: too much");
  });
});

test("the median of an even number of values is the mean of the middle two", () => {
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test("the first round warms up and is not measured", async () => {
  const said: string[] = [];
  const bench = { rounds: 2, say: (line: string) => void said.push(line) };
  expect(await inRounds(bench, async (round) => round)).toEqual([1, 2]);
  expect(said).toEqual(["warm-up", "round 1 of 2", "round 2 of 2"]);
});

test("who is measured first changes from round to round", async () => {
  const order: string[] = [];
  const take = (name: string) => async () => {
    order.push(name);
    return name.length;
  };
  const sides = { ours: take("ours"), raw: take("raw") };
  expect(await inTurns(0, sides)).toEqual({ ours: 4, raw: 3 });
  expect(await inTurns(1, sides)).toEqual({ ours: 4, raw: 3 });
  expect(order).toEqual(["ours", "raw", "raw", "ours"]);
});

test("a size shrinks with the scale, down to what it must be at least", () => {
  expect(sized({ scale: 0.05 }, 1_000)).toBe(50);
  expect(sized({ scale: 0.001 }, 1_000, 20)).toBe(20);
});
