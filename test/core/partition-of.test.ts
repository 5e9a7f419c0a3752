import { expect, test } from "vitest";
import { FloxideError, partitionOf } from "../../src/index.ts";

// The first eight digits of `printf %s <id> | sha256sum`, and what is left of that number.
test.each([
  ["order-4711", 0x173d0ddb, [1, 3, 3, 11]],
  ["größe", 0xd353a267, [1, 3, 1, 7]],
  ["a b/1", 0x0ef174d9, [1, 1, 1, 9]],
  ["019386f0-7b6e-7c8a-9d3e-2f1a4b5c6d7e", 0x14da5878, [0, 0, 4, 8]],
] as const)("the partition of %s is what sha256sum says", (runId, first, places) => {
  expect([2, 4, 7, 16].map((partitions) => partitionOf(runId, partitions))).toEqual(places);
  expect(partitionOf(runId, 997)).toBe(first % 997);
  expect(partitionOf(runId, 1)).toBe(0);
});

test("run ids that count up spread over the partitions evenly", () => {
  const counts = Array<number>(8).fill(0);
  for (let n = 0; n < 8_000; n++) {
    const partition = partitionOf(`run-${n}`, 8);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  // Four times the standard deviation, which is about 30.
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(120);
});

test("what is no run id, or no number of partitions, is refused", () => {
  const codeOf = (runId: string, partitions: number): string => {
    try {
      return `${partitionOf(runId, partitions)}`;
    } catch (error) {
      return error instanceof FloxideError ? error.code : "?";
    }
  };
  expect([codeOf("", 4), codeOf("x".repeat(129), 4), codeOf("\ud800", 4)]).toEqual(
    Array(3).fill("validation"),
  );
  expect([0, -1, 1.5, Number.NaN, 1_001].map((partitions) => codeOf("r", partitions))).toEqual(
    Array(5).fill("definition"),
  );
});
