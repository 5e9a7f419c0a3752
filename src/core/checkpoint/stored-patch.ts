import { z } from "zod";
import { isRecord } from "../json.ts";
import { type Checkpoint, CheckpointSchema, FAILED_OF_NOTHING, saysOfWhat } from "./checkpoint.ts";
import { applyPatch, type Depth, type Patch, patchOf } from "./patch.ts";

// A checkpoint that is stored as what differs from the one before it. Invariants:
// 1. It names the checkpoint that it follows by that one's `commit`, which no other has: it is never put onto another.
// 2. It says where the whole one is that it, and all between them, build on.
// 3. What it changes is checked as a whole checkpoint is; what it leaves as it is was checked when it was read or made.

/** Version of this form: whoever knows only whole checkpoints refuses it as of a later release. */
const FORM = 2;

const StoredPatchSchema = z.looseObject({
  v: z.literal(FORM),
  /** Revision of the whole checkpoint. */
  whole: z.number().int().positive(),
  /** `commit` of the checkpoint that this one follows. */
  follows: z.string(),
  patch: z.custom<Patch>(isRecord),
});
export type StoredPatch = z.infer<typeof StoredPatchSchema>;

/** What of a checkpoint is looked into: all that may have many entries. */
const DEPTH: Depth = {
  keys: {
    context: { each: "list" },
    contextKept: { each: "whole" },
    items: { each: { each: "whole" } },
    forks: { each: { keys: { joins: { each: "list" }, kept: { each: "list" } } } },
    outputs: "list",
    signals: "list",
    signalIds: "list",
    counters: { each: "whole" },
    nodes: { each: "whole" },
    history: { keys: { events: "list" } },
  },
};

/** The text of `after` for where `before` is stored already, and builds on the whole one of that revision. */
export function toPatchText(before: Checkpoint, after: Checkpoint, whole: number): string {
  const patch = patchOf(before, after, DEPTH) ?? {};
  return JSON.stringify({ v: FORM, whole, follows: before.commit, patch } satisfies StoredPatch);
}

/** The stored patch that the value is; null where it is something else. @throws ZodError where it is a broken one */
export function asPatch(value: unknown): StoredPatch | null {
  if (!isRecord(value)) return null;
  const { v } = value;
  return v === FORM ? StoredPatchSchema.parse(value) : null;
}

/** The `commit` of the checkpoint that a stored value is or leads to; null where it has none. */
export function commitIn(value: unknown): string | null {
  if (!isRecord(value)) return null;
  const { commit } = asPatch(value)?.patch.s ?? value;
  return typeof commit === "string" ? commit : null;
}

/**
 * The checkpoint after this one.
 *
 * @returns null where the patch follows another one
 * @throws TypeError, ZodError where it makes no checkpoint of it
 */
export function follow(before: Checkpoint, { follows, patch }: StoredPatch): Checkpoint | null {
  if (follows !== before.commit) return null;
  const after = applyPatch(before, patch) as Checkpoint;
  const changed = changedIn(after, patch);
  for (const key in changed) {
    const { error } = shape[key]?.safeParse(changed[key]) ?? {};
    if (error === undefined) continue;
    throw new z.ZodError(error.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] })));
  }
  if (!saysOfWhat(after)) throw new TypeError(`failure: ${FAILED_OF_NOTHING}`);
  return after;
}

const shape: Readonly<Record<string, z.ZodType>> = CheckpointSchema.shape;
const REQUIRED = new Set(
  Object.entries(shape).flatMap(([key, of]) => (of.safeParse(undefined).success ? [] : [key])),
);

/** What the patch has changed of the checkpoint, and of those that have many entries only the entries that it has. */
function changedIn(after: Checkpoint, { s = {}, d = [], p = {} }: Patch): Record<string, unknown> {
  for (const key of d) if (REQUIRED.has(key)) throw new TypeError(`a patch drops "${key}"`);
  const changed: Record<string, unknown> = {};
  for (const key of [...Object.keys(s), ...Object.keys(p)]) changed[key] = after[key];
  for (const key of ["context", "items", "forks", "nodes"] as const) {
    const inner = p[key];
    if (inner === undefined) continue;
    const keys = [...Object.keys(inner.s ?? {}), ...Object.keys(inner.p ?? {})];
    changed[key] = Object.fromEntries(keys.map((one) => [one, after[key][one]]));
  }
  for (const key of ["outputs", "signals", "signalIds"] as const) {
    const added = p[key]?.a;
    if (added !== undefined) changed[key] = added;
  }
  const { history: { p: { events } = {} } = {} } = p;
  if (events?.a !== undefined) changed["history"] = { ...after.history, events: events.a };
  return changed;
}
