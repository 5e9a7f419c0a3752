import { describe, expect, it } from "vitest";
import { CHECKPOINTS } from "../../../proof/fuzz/corpus.ts";
import { type Checkpoint, isOfNewerForm } from "../../../src/core/checkpoint/checkpoint.ts";
import { StoredCheckpointSchema, toStoredText } from "../../../src/core/checkpoint/stored-form.ts";
import { fresh } from "./test-run.ts";

// That every checkpoint of a run is read as it was is also checked after each change of `random-runs.test.ts`.

const read = (text: string) => StoredCheckpointSchema.safeParse(JSON.parse(text));
const again = (checkpoint: Checkpoint) => read(toStoredText(checkpoint)).data;

it.each(CHECKPOINTS.map((one) => [one.status, one] as const))(
  "a checkpoint is read as it was: %s",
  (_, checkpoint) => {
    expect(again(checkpoint)).toStrictEqual(checkpoint);
  },
);

it("a checkpoint that is written in full is read too", () => {
  for (const one of CHECKPOINTS) expect(read(JSON.stringify(one)).data).toStrictEqual(one);
});

it("what is as in a new run is not written", () => {
  const written = JSON.parse(toStoredText(fresh())) as object;
  for (const key of ["forks", "nextFork", "outputs", "signals", "signalIds", "epoch", "nodes"])
    expect(written).not.toHaveProperty(key);
});

describe("what is unusual", () => {
  it("names that mean something elsewhere", () => {
    const nodes = Object.fromEntries([
      ["constructor", [1, 0, 0, 0.5, 0.25]],
      ['a "b"\n', [1, 2, 3, 12_345.678, 0.001]],
    ]) as Checkpoint["nodes"];
    const odd = { ...fresh(), nodes };
    expect(again(odd)).toEqual(odd);
  });

  it("a clock that was set back, and whoever made it happen", () => {
    const events: Checkpoint["history"]["events"] = [
      [7, 2_000, "run.started", null, null, null, 'w "1"'],
      [8, 1_000, "item.completed", 1, "n", 2],
      [9, 1_000, "of.a.later.release", 1, 'a "b"', null, null],
    ];
    const odd = { ...fresh(), history: { next: 10, events } };
    expect(again(odd)).toStrictEqual(odd);
  });

  it("numbers that leave some out", () => {
    const events: Checkpoint["history"]["events"] = [
      [7, 2_000, "run.started", null, null, null, null],
      [1_000, 2_000, "run.restored", null, null, null],
    ];
    const odd = { ...fresh(), history: { next: 1_001, events } };
    expect(again(odd)).toStrictEqual(odd);
  });

  it("keys of a later release", () => {
    const odd = { ...fresh(), later: { of: 1 } };
    expect(again(odd)).toStrictEqual(odd);
  });
});

describe("what is no checkpoint is refused", () => {
  const text = JSON.parse(toStoredText(CHECKPOINTS[1] ?? fresh())) as Record<string, unknown>;
  it.each([
    ["a list", []],
    ["a text", "checkpoint"],
    ["null", null],
    ["figures that are none", { ...text, figures: 3 }],
    ["figures of a node that are none", { ...text, figures: { n: ["1"] } }],
    ["history that is none", { ...text, history: [] }],
    ["events that are none", { ...text, history: { next: 2, first: 1, at: 5, events: "x" } }],
    ["an event that is none", { ...text, history: { next: 2, first: 1, at: 5, events: [3] } }],
    [
      "times that are none",
      { ...text, history: { next: 2, first: 1, at: "x", events: [[0, 0, 1, "n", 1]] } },
    ],
    ["counters that are none", { ...text, counters: null }],
  ])("%s", (_, value) => {
    expect(StoredCheckpointSchema.safeParse(value).success).toBe(false);
  });

  it("of a later form, as that", () => {
    const { error } = StoredCheckpointSchema.safeParse({ ...text, v: 2 });
    expect(isOfNewerForm(new Error("unreadable", { cause: error }))).toBe(true);
  });
});
