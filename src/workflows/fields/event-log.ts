import type { Schema } from "../../core/schema.ts";
import { deepFreeze } from "../freeze.ts";
import { type AnySchema, anything, arrayOf } from "../schemas.ts";
import { defineField, type FieldEnv, type FieldOf, wireCopy } from "./field.ts";
import { compareStamps, INITIAL_AT, type Stamp, timeAfter } from "./stamp.ts";

/** An event of an {@link eventLog}, with its id and time. */
export interface Logged<E> extends Stamp {
  readonly event: E;
}

/** Handle of an {@link eventLog} field. */
export interface EventLogHandle<E> {
  /** Adds an event at the end. */
  append(event: E): void;
  /** All events with their ids and times, oldest first. Frozen. */
  all(): readonly Logged<E>[];
  /** Replays the events into a state, oldest first. */
  fold<State>(reducer: (state: State, event: E) => State, initial: State): State;
}

/**
 * Events of the run: appended, never changed, merged by union of their ids and kept in the order of time and id.
 *
 * The whole log is part of the run's checkpoint, which each step writes: keep it to some thousands of small events.
 *
 * @param schema - checks each event that the run is started with, and each that is appended
 */
export function eventLog<E>(
  schema?: Schema<E, unknown>,
): FieldOf<E, readonly Logged<E>[], EventLogHandle<E>, readonly E[]> {
  const check: AnySchema | null = schema ?? null;
  const list = arrayOf(check ?? anything);
  return defineField<E, readonly Logged<E>[], EventLogHandle<E>, readonly E[]>({
    kind: "eventLog",
    empty: Object.freeze([]) as readonly Logged<E>[],
    merge: unionById<E>,
    initial: (given, what) =>
      wireCopy<readonly E[]>(given, what, list, "input").map(
        (event, index): Logged<E> => ({ at: INITIAL_AT, id: initialId(index), event }),
      ),
    open: (current, emit, env, what) => openLog(current, emit, env, { check, what }),
  });
}

function openLog<E>(
  current: readonly Logged<E>[],
  emit: (delta: readonly Logged<E>[]) => void,
  env: FieldEnv,
  { check, what }: { readonly check: AnySchema | null; readonly what: string },
): EventLogHandle<E> {
  let at: string | null = null;
  let added: Logged<E>[] = [];
  let seen = current;
  const all = (): readonly Logged<E>[] => {
    if (added.length > 0) {
      seen = [...seen, ...added];
      added = [];
    }
    return deepFreeze(seen);
  };
  return {
    append: (given) => {
      const event = wireCopy<E>(given, `an event of ${what}`, check);
      at ??= timeAfter(current.at(-1)?.at, env);
      const logged: Logged<E> = Object.freeze({ at, id: env.newId(), event });
      added.push(logged);
      emit([logged]);
    },
    all,
    fold: (reducer, initial) => all().reduce((state, { event }) => reducer(state, event), initial),
  };
}

/** Both logs are in order, so one pass does; as a rule `right` is newer throughout and only has to be appended. */
function unionById<E>(
  left: readonly Logged<E>[],
  right: readonly Logged<E>[],
): readonly Logged<E>[] {
  const [last, first] = [left.at(-1), right[0]];
  if (first === undefined) return left;
  if (last === undefined) return right;
  if (compareStamps(last, first) < 0) return [...left, ...right];
  const both = [...left, ...right].sort(compareStamps);
  return both.filter((logged, index) => logged.id !== both[index - 1]?.id);
}

/** The ids of what a run is started with: the same each time, older than all others. */
function initialId(index: number): string {
  return `00000000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`;
}
