import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "../..");
const TSX = import.meta.resolve("tsx");

/** Runs `npm run bench` to its end. */
function bench(...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const words = ["--import", TSX, join(ROOT, "bench/main.ts"), ...args];
    const child = execFile(process.execPath, words, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const Positive = z.number().positive();
const ReportSchema = z.strictObject({
  at: z.iso.datetime(),
  machine: z.strictObject({
    node: z.literal(process.version),
    cores: Positive,
    cpu: z.string(),
    memoryBytes: Positive,
    system: z.string(),
  }),
  server: z.string().regex(/^nats-server: v2\./),
  peer: z.string().regex(/^BullMQ /),
  mode: z.literal("r1"),
  rounds: z.literal(2),
  scale: z.literal(0.01),
  widths: z.array(Positive),
  figures: z.array(
    z.strictObject({
      scenario: z.enum(["E", "F"]),
      mode: z.literal("r1"),
      what: z.string(),
      unit: z.string(),
      value: Positive,
      rounds: z.array(Positive).length(2),
      beside: z.array(
        z.strictObject({
          name: z.string(),
          value: Positive,
          rounds: z.array(Positive).length(2),
          ratio: Positive,
        }),
      ),
      goal: z.string().nullable(),
      reached: z.boolean().nullable(),
      note: z.string().nullable(),
    }),
  ),
  failed: z.tuple([]),
});

test("--json prints one document with every round of every figure", async () => {
  const { code, out, err } = await bench(
    ...["--only", "e,F", "--rounds", "2", "--scale", "0.01", "--json"],
  );
  expect(code, err).toBe(0);
  const { figures } = ReportSchema.parse(JSON.parse(out));
  expect(figures.map(({ scenario, goal }) => [scenario, goal])).toEqual([
    ["E", "≥ 0.3 × A with a small context"],
    ["E", null],
    ["F", "≤ 3 × one raw publish after the same pause"],
    ["F", null],
  ]);
  expect(figures.map(({ beside }) => beside.length)).toEqual([1, 0, 1, 1]);
  for (const { rounds, value, reached, goal } of figures) {
    expect(value).toBeGreaterThanOrEqual(Math.min(...rounds));
    expect(value).toBeLessThanOrEqual(Math.max(...rounds));
    expect(reached === null).toBe(goal === null);
  }
  // The start of a run of ten nodes has the context of 100 kB once, whatever is written after it.
  expect(figures[1]!.value).toBeGreaterThan(10_000);
  expect(err).toContain("E  warm-up");
});

test("a scenario that there is not ends it with 2, and with those that there are", async () => {
  const { code, out, err } = await bench("--only", "A,Z");
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("no scenario Z; there are A, A4, B");
});
