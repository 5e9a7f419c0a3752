import { z } from "zod";
import type { Json } from "../json.ts";
import { ownOf } from "../own-of.ts";
import type { Checkpoint, Item } from "./checkpoint.ts";
import type { Successor } from "./routed.ts";

// What of a wide fork is kept outside the checkpoint, in chunks: the inputs of branches that have not begun, and what
// branches brought to joins. The checkpoint names the chunks. A chunk is written once, before the checkpoint that names
// it, and read by whoever needs it.

const Value = z.custom<Json>((value) => value !== undefined);

/** A chunk of what follows from a node that forked. */
export const BranchesSchema = z.array(
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("item"), node: z.string(), input: Value }),
    z.object({ type: z.literal("join"), node: z.string(), value: Value }),
    z.object({ type: z.literal("end"), value: Value }),
  ]),
) satisfies z.ZodType<Successor[]>;

/** A chunk of what branches brought to a join: branch index and value. */
export const ResultsSchema = z.array(z.tuple([z.number().int().nonnegative(), Value]));
export type Results = z.infer<typeof ResultsSchema>;

/** What a join of a fork has collected and its checkpoint holds. */
export interface Collected {
  readonly fork: string;
  readonly target: string;
  readonly results: Results;
}

/** Joins that have collected so many values or more. */
export function collectedIn({ forks }: Checkpoint, atLeast: number): readonly Collected[] {
  const found: Collected[] = [];
  for (const fork in forks) {
    const joins = forks[fork]?.joins ?? {};
    for (const target in joins) {
      const results = joins[target] ?? [];
      if (results.length >= atLeast) found.push({ fork, target, results });
    }
  }
  return found;
}

/** The checkpoint with what joins had collected in these chunks instead. */
export function withKept(
  checkpoint: Checkpoint,
  moves: readonly (Collected & { readonly keys: readonly string[] })[],
): Checkpoint {
  const forks = { ...checkpoint.forks };
  for (const { fork: id, target, keys } of moves) {
    const fork = forks[id];
    if (fork === undefined) continue;
    forks[id] = {
      ...fork,
      joins: { ...fork.joins, [target]: [] },
      kept: { ...fork.kept, [target]: [...(ownOf(fork.kept ?? {}, target) ?? []), ...keys] },
    };
  }
  return { ...checkpoint, forks, outside: true };
}

/** Values of a join in the order of the branches that they came from. */
export const inBranchOrder = (pairs: readonly (readonly [number, Json])[]): Json[] =>
  [...pairs].sort(([a], [b]) => a - b).map(([, value]) => value);

/** True where not all of the item's input is in the checkpoint. */
export const isOutside = (item: Item): boolean =>
  item.from !== undefined || item.kept !== undefined;

/**
 * Fields of the context that were kept outside the checkpoint and are not stored any more. Nothing of the run is executed
 * without them, and what would change them is not merged.
 */
export function lostFields({ context, contextKept }: Checkpoint): readonly string[] {
  if (contextKept === undefined) return [];
  return Object.keys(contextKept).filter((field) => ownOf(context, field) === undefined);
}

/** The checkpoint with its context in it, but for what is lost of that. */
export function withOwnContext(checkpoint: Checkpoint): Checkpoint {
  const { contextKept = {}, ...rest } = checkpoint;
  const lost = lostFields(checkpoint).flatMap((field) => {
    const entry = ownOf(contextKept, field);
    return entry === undefined ? [] : [[field, entry] as const];
  });
  const whole = rest as Checkpoint;
  return lost.length === 0 ? whole : { ...whole, contextKept: Object.fromEntries(lost) };
}

/** An item with an input that may be kept outside: a list, or what a join has of one. */
export interface Listed {
  readonly item: string;
  readonly pairs: Results;
}

/** Items that are new since `before` and whose inputs are lists, as pairs of place and value. */
export function newLists(before: Checkpoint, { items }: Checkpoint): readonly Listed[] {
  const found: Listed[] = [];
  for (const id in items) {
    const { input = null, kept } = items[id] ?? {};
    if (before.items[id] !== undefined || !Array.isArray(input) || input.length === 0) continue;
    const pairs = kept === undefined ? [...input.entries()] : ResultsSchema.parse(input);
    found.push({ item: id, pairs });
  }
  return found;
}

/** The checkpoint with the inputs of these items in these chunks instead. */
export function withKeptInputs(
  checkpoint: Checkpoint,
  moves: readonly { readonly item: string; readonly keys: readonly string[] }[],
): Checkpoint {
  const items = { ...checkpoint.items };
  for (const { item: id, keys } of moves) {
    const item = items[id];
    if (item !== undefined)
      items[id] = { ...item, input: [], kept: [...(item.kept ?? []), ...keys] };
  }
  return { ...checkpoint, items, outside: true };
}

/** Keys of chunks of results and inputs, and of context fields, that the checkpoint names. */
export function keptKeys({ contextKept = {}, forks, items }: Checkpoint): ReadonlySet<string> {
  return new Set([
    ...Object.values(contextKept).map(([key]) => key),
    ...Object.values(items).flatMap(({ kept = [] }) => kept),
    ...Object.values(forks).flatMap(({ kept = {} }) => Object.values(kept).flat()),
  ]);
}

/** Key of a chunk of a fork's branches. */
export const branchesKey = (key: string, chunk: number): string => `${key}-${chunk}`;

/** Keys of values that nothing needs any more: of closed forks, of joins that have ended, of replaced context fields. */
export function valuesLeft(before: Checkpoint, after: Checkpoint): readonly string[] {
  if (before.outside !== true) return [];
  const keys = [...branchesLeft(before, after), ...fieldsLeft(before, after)];
  for (const id in before.items) {
    const kept = before.items[id]?.kept;
    if (kept !== undefined && after.items[id] === undefined) keys.push(...kept);
  }
  if (keys.length === 0) return keys;
  // A fallback may have got them.
  const needed = new Set(Object.values(after.items).flatMap(({ kept = [] }) => kept));
  return keys.filter((key) => !needed.has(key));
}

function branchesLeft(before: Checkpoint, after: Checkpoint): string[] {
  const keys: string[] = [];
  for (const id in before.forks) {
    const rest = before.forks[id]?.rest;
    if (rest === undefined || after.forks[id] !== undefined) continue;
    for (let chunk = 0; chunk < rest.chunks; chunk++) keys.push(branchesKey(rest.key, chunk));
  }
  return keys;
}

function fieldsLeft({ contextKept: before }: Checkpoint, { contextKept: after }: Checkpoint) {
  const keys: string[] = [];
  for (const field in before) {
    const [key = ""] = ownOf(before, field) ?? [];
    if (ownOf(after ?? {}, field)?.[0] !== key) keys.push(key);
  }
  return keys;
}

/** Input of a join: what is in its item and what is in chunks, in the order of the branches. */
export const joined = (item: Item, chunks: readonly Results[]): Json =>
  inBranchOrder([...chunks.flat(), ...ResultsSchema.parse(item.input)]);
