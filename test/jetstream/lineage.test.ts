import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint.ts";
import { toStoredText } from "../../src/core/checkpoint/stored-form.ts";
import { toPatchText } from "../../src/core/checkpoint/stored-patch.ts";
import type { Entry } from "../../src/jetstream/kv-table.ts";
import {
  type Led,
  type Lineage,
  Lineages,
  lead,
  patchedAt,
  takesPatch,
  wholeAfter,
  wholeAt,
} from "../../src/jetstream/lineage.ts";
import type { StoredMessage } from "../../src/jetstream/stored-message.ts";
import { checkpointOf } from "../conformance/fixtures.ts";

const items = { 1: { node: "n", input: 0, attempt: 1, turn: 0 } };
const at = (commit: string, more: Partial<Checkpoint> = {}): Checkpoint =>
  checkpointOf("r", { items, commit, ...more });

const message = (seq: number, body: string): StoredMessage => ({
  subject: "bucket.r",
  seq,
  body,
  storedAt: 0,
  headers: undefined,
  pending: 0,
});
const marker = (seq: number): StoredMessage => ({
  ...message(seq, ""),
  headers: {
    has: (name: string) => name === "KV-Operation",
  } as unknown as StoredMessage["headers"],
});
const whole = (seq: number, checkpoint: Checkpoint) => message(seq, toStoredText(checkpoint));
const patch = (seq: number, before: Checkpoint, after: Checkpoint, of: number) =>
  message(seq, toPatchText(before, after, of));
const toEntry = ({ seq, body }: StoredMessage): Entry => ({
  key: "r",
  body,
  revision: seq,
  writtenAt: 0,
});
const led = (messages: readonly StoredMessage[], from: Led = "broken") =>
  lead(from, messages, toEntry);

const [a, b, c] = [at("a"), at("b", { outputs: [1] }), at("c", { outputs: [1, 2] })];

describe("what messages of a run lead to", () => {
  it("a whole checkpoint, and the patches after it", () => {
    const found = led([whole(3, a), patch(5, a, b, 3), patch(9, b, c, 3)]);
    expect(found).toMatchObject({ checkpoint: c, revision: 9, whole: 3, patches: 2 });
  });

  it("goes on from what is known", () => {
    const known = led([whole(3, a), patch(5, a, b, 3)]);
    expect(led([patch(9, b, c, 3)], known)).toMatchObject({ checkpoint: c, revision: 9 });
  });

  it("nothing where the whole one is missing, one between, or it is of another life of the run", () => {
    expect(led([patch(5, a, b, 3)])).toBe("broken");
    expect(led([whole(3, a), patch(9, b, c, 3)])).toBe("broken");
    expect(led([whole(4, a), patch(5, a, b, 3)])).toBe("broken");
    expect(led([marker(4), patch(5, a, b, 3)], led([whole(3, a)]))).toBe("broken");
    expect(led([whole(3, a), marker(4)])).toBe("removed");
  });

  it("what a whole one says, whatever came before it", () => {
    expect(led([patch(5, b, c, 3), whole(6, a)])).toMatchObject({ revision: 6, whole: 6 });
    expect(led([message(5, "no JSON"), whole(6, a)])).toMatchObject({ revision: 6 });
    expect(led([marker(5), whole(6, a)])).toMatchObject({ revision: 6 });
  });

  it("an error where the newest cannot be read, and where it builds on what cannot", () => {
    expect(() => led([whole(3, a), message(5, "no JSON")])).toThrow(/not JSON/);
    expect(() => led([message(3, "{}"), patch(5, a, b, 3)])).toThrow(/cannot be read/);
    const wrong = { v: 2, whole: 3, follows: "a", patch: { s: { status: "asleep" } } };
    expect(() => led([whole(3, a), message(5, JSON.stringify(wrong))])).toThrow(/status/);
  });
});

describe("how many patches there are", () => {
  const patched = (lineage: Lineage, times: number, bytes: number): Lineage =>
    times === 0
      ? lineage
      : patched(patchedAt(lineage, a, lineage.revision + 1, bytes), times - 1, bytes);

  it("some on a small checkpoint, and on a large one as many as take the same room", () => {
    const small = wholeAt(a, 1, 700);
    expect(takesPatch(patched(small, 14, 300))).toBe(true);
    expect(takesPatch(patched(small, 15, 300))).toBe(false);
    const large = wholeAt(a, 1, 30_000);
    expect(takesPatch(patched(large, 99, 300))).toBe(true);
    expect(takesPatch(patched(large, 100, 300))).toBe(false);
    expect(takesPatch(patched(wholeAt(a, 1, 1_000_000), 255, 300))).toBe(false);
  });

  it("a whole one is never larger than was thought", () => {
    const lineage = patched(wholeAt(a, 1, 700), 3, 300);
    expect(wholeAfter(lineage, 300)).toBeGreaterThanOrEqual(700 + 4 * 300);
  });
});

describe("what is remembered", () => {
  it("runs that move, so many and so many bytes at most, the newest of them", () => {
    const lineages = new Lineages();
    for (let i = 0; i < 1_500; i++) lineages.set(`r${i}`, wholeAt(a, i + 1, 1_000));
    expect(lineages.get("r499")).toBeUndefined();
    expect(lineages.get("r500")?.revision).toBe(501);
    for (let i = 0; i < 30; i++) lineages.set(`large${i}`, wholeAt(a, i + 1, 1_000_000));
    expect(lineages.get("r1499")).toBeUndefined();
    expect(lineages.get("large13")).toBeUndefined();
    expect(lineages.get("large14")).toBeDefined();
    lineages.set("huge", wholeAt(a, 1, 100_000_000));
    expect(lineages.get("huge")).toBeUndefined();
    lineages.set("small", wholeAt(a, 1, 1_000));
    expect(lineages.get("small")).toBeDefined();
  });

  it("nothing of a run that rests or has ended", () => {
    const lineages = new Lineages();
    lineages.set("r", wholeAt(a, 1, 1_000));
    lineages.set("r", wholeAt(at("d", { status: "completed", items: {} }), 2, 1_000));
    expect(lineages.get("r")).toBeUndefined();
  });
});
