import { type Json, toJson } from "../../core/json.ts";
import type { ItemContext } from "../context.ts";
import { deepFreeze } from "../freeze.ts";
import type { JsonSafe, Misfit } from "../json-safe.ts";
import { type AnySchema, checkNow } from "../schemas.ts";

/** Time and ids for what a field records, from outside so that fields stay functions of their arguments. */
export interface FieldEnv {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** A new unique id that sorts after those given before. */
  newId(): string;
}

/**
 * One field of a run's context: a monoid, so that writes of parallel nodes merge, and a handle for node code.
 *
 * Laws: `merge(empty, x)` = `x` = `merge(x, empty)`, and `merge(merge(a, b), c)` = `merge(a, merge(b, c))`. The engine
 * relies on them: it merges deltas in groups, in the order in which items commit. `T` is stored, and must be JSON.
 */
export interface Field<T, Handle, Given = T> {
  /** What sort of field it is: part of the workflow's fingerprint. */
  readonly kind: string;
  /** The value before anything was written. */
  readonly empty: T;
  /** Both as one. Changes neither. */
  merge(left: T, right: T): T;
  /**
   * Makes the handle that node code gets. It shows what was stored and what it wrote itself.
   *
   * @param emit - records a delta, which is merged into the stored value when the item commits
   * @param what - names the field in errors
   */
  open(current: T, emit: (delta: T) => void, env: FieldEnv, what: string): Handle;
  /**
   * Makes the stored value from what a run is started with.
   *
   * @param what - names the value in the error
   * @throws FloxideError `validation`
   */
  initial(given: unknown, what: string): T;
  readonly "~given"?: Given;
}

/** A field of values `T` where JSON carries them unchanged, else the sentence that says why not. */
export type FieldOf<T, Stored, Handle, Given = Stored> = [T] extends [JsonSafe<T>]
  ? Field<Stored, Handle, Given>
  : Misfit<"JSON would change the values of this context field: give them a wire form (a string, a number, an array)">;

/** Freezes a field and lets the compiler judge its values. */
export function defineField<T, Stored, Handle, Given = Stored>(
  made: Field<Stored, Handle, Given>,
): FieldOf<T, Stored, Handle, Given> {
  return Object.freeze(made) as FieldOf<T, Stored, Handle, Given>;
}

/** A field, its types forgotten. */
export type AnyField = Field<unknown, unknown, unknown>;

/** The context fields of a workflow or of a node, by name. */
export interface Fields {
  readonly [name: string]: AnyField;
}

/** No context fields. */
export type NoFields = Record<never, never>;

/** What node code gets for each field. */
export type Handles<F extends Fields> = { readonly [K in keyof F]: ReturnType<F[K]["open"]> };

/** What a run can be started with: a value for some of the fields. */
export type InitialOf<F extends Fields> = {
  readonly [K in keyof F]?: NonNullable<F[K]["~given"]>;
};

/** A sentence for each field that has the name of something which every node's context has. */
export type NoReserved<F extends Fields> = {
  readonly [K in keyof F &
    keyof ItemContext]: Misfit<`a context field may not be called '${K}': each node's context has that already`>;
};

/** Handle of a {@link field}. */
export interface OwnHandle<T> {
  /** The value as it stands, the node's own deltas included. Frozen. */
  get(): T;
  /** Merges a delta into the value. */
  merge(delta: T): void;
}

/**
 * A context field with a merge of your own.
 *
 * `empty` and `merge` must make a monoid (see {@link Field}), and values must be JSON. Where parallel nodes write the
 * field, `merge` should be commutative as well: the order in which they commit is anyone's guess.
 *
 * @throws FloxideError `validation` where `empty` has no JSON form
 */
export function field<T>(options: {
  /** The value before anything was written. */
  readonly empty: T;
  /** Both as one. Must not change either: both are frozen. */
  readonly merge: (left: T, right: T) => T;
  /** Checks what a run is started with, and each delta. Must be synchronous. */
  readonly schema?: AnySchema;
  /** Name for the sort of field, part of the workflow's fingerprint. @default "own" */
  readonly kind?: string;
}): FieldOf<T, T, OwnHandle<T>> {
  const schema = options.schema ?? null;
  const merge = (left: T, right: T): T => options.merge(deepFreeze(left), deepFreeze(right));
  const empty = wireCopy<T>(options.empty, "the empty value of a context field");
  return defineField<T, T, OwnHandle<T>>({
    kind: options.kind ?? "own",
    empty,
    merge,
    initial: (given, what) => wireCopy<T>(given, what, schema, "input"),
    open: (current, emit, _env, what) => {
      let value = current;
      return {
        get: () => deepFreeze(value),
        merge: (given: T) => {
          const delta = wireCopy<T>(given, `what is merged into ${what}`, schema);
          value = merge(value, delta);
          emit(delta);
        },
      };
    },
  });
}

/**
 * A frozen copy of a value in its JSON form, checked by a schema where there is one.
 *
 * @throws FloxideError `validation`
 */
export function wireCopy<T>(
  value: unknown,
  what: string,
  schema: AnySchema | null = null,
  direction: "input" | "output" = "output",
): T {
  checkNow(schema, value, what, direction);
  return deepFreeze(toJson(value, what) satisfies Json) as T;
}
