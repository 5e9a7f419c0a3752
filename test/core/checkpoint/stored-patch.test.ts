import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoint/checkpoint.ts";
import { StoredCheckpointSchema } from "../../../src/core/checkpoint/stored-form.ts";
import {
  asPatch,
  commitIn,
  follow,
  type StoredPatch,
  toPatchText,
} from "../../../src/core/checkpoint/stored-patch.ts";
import { fresh } from "./test-run.ts";

// That every change of a run can be stored as a patch is checked after each change of `random-runs.test.ts`.

const item = { node: "n", input: "x".repeat(5_000), attempt: 1, turn: 0 };
const before: Checkpoint = { ...fresh(), commit: "c1", items: { 1: item, 2: item } };
const after: Checkpoint = {
  ...before,
  commit: "c2",
  items: { ...before.items, 2: { ...item, turn: 1 } },
};
const text = toPatchText(before, after, 7);
const patch = asPatch(JSON.parse(text)) as StoredPatch;

describe("a stored patch", () => {
  it("leads from the checkpoint that it follows to the next", () => {
    expect(follow(before, patch)).toEqual(after);
    expect(text.length).toBeLessThan(200);
    expect(patch.whole).toBe(7);
  });

  it("is put onto no other checkpoint", () => {
    expect(follow(after, patch)).toBeNull();
    expect(follow({ ...before, commit: "" }, patch)).toBeNull();
  });

  it("is of a later release for whoever knows only whole checkpoints", () => {
    const { error } = StoredCheckpointSchema.safeParse(JSON.parse(text));
    expect(error?.issues.map(({ path }) => path[0])).toContain("v");
  });

  it.each([
    ["an item that is none", { p: { items: { s: { 3: { node: 1 } } } } }],
    ["an item without a node", { p: { items: { p: { 1: { d: ["node"] } } } } }],
    ["a key of no item", { p: { items: { s: { one: item } } } }],
    ["a status that is none", { s: { status: "asleep" } }],
    ["a run that has failed of nothing", { s: { status: "failed" } }],
    ["events that are none", { p: { history: { p: { events: { a: [["1"]] } } } } }],
    ["no history", { s: { history: null } }],
    ["no items", { d: ["items"] }],
    ["outputs that are no list", { s: { outputs: 1 } }],
    ["figures that are none", { p: { nodes: { s: { n: [1] } } } }],
    ["a run id that is none", { s: { runId: "" } }],
    ["nothing that it can change", { p: { status: { s: { of: 1 } } } }],
  ])("with %s is refused", (_, changes) => {
    expect(() => follow(before, { ...patch, patch: changes as StoredPatch["patch"] })).toThrow();
  });

  it.each([
    ["no base", { v: 2, follows: "c1", patch: {} }],
    ["no patch", { v: 2, whole: 7, follows: "c1" }],
    ["a list for a patch", { v: 2, whole: 7, follows: "c1", patch: [] }],
  ])("with %s is none", (_, value) => {
    expect(() => asPatch(value)).toThrow();
  });

  it("tells the commit that it leads to, as a whole checkpoint tells its own", () => {
    expect(commitIn(JSON.parse(text))).toBe("c2");
    expect(commitIn(after)).toBe("c2");
    expect(commitIn([])).toBeNull();
    expect(commitIn({ commit: 1 })).toBeNull();
  });
});
