import type { Arm, Edge } from "./edges.ts";
import type { Fields, Handles } from "./fields/field.ts";
import type { Misfit } from "./json-safe.ts";
import type { AnyNode, InputOf, OutputOf, SharedOf } from "./node-types.ts";
import type { Variant } from "./variant.ts";

// The compiler's view of a graph. Each check gives back the part of the spec as it stands where it is right, else a
// `Misfit` whose text names what does not fit: the compiler then prints that text.

/** The nodes of a workflow, by name. */
export interface Nodes {
  readonly [name: string]: AnyNode;
}

/** Names of the nodes. */
export type Names<N extends Nodes> = keyof N & string;

type Kinds<Out> = Out extends Variant<infer K, unknown> ? K : never;
type Payload<Out, K> = Out extends { readonly kind: K; readonly value: infer V } ? V : never;
type IsUnion<T, All = T> = T extends All ? ([All] extends [T] ? false : true) : never;

/**
 * Each target of a list as it stands where it takes `Value`, else the sentence that says why not.
 *
 * A list of no fixed length means that the compiler gave up on `List` (a target that is no node): then any name, so
 * that its own message ("'nobody' is not assignable to 'audit'") is the one that shows.
 */
type FitsAll<
  N extends Nodes,
  From extends string,
  What extends string,
  Value,
  List extends readonly unknown[],
> = number extends List["length"]
  ? readonly Names<N>[]
  : {
      readonly [I in keyof List]: List[I] extends Names<N>
        ? [Value] extends [InputOf<N[List[I]]>]
          ? List[I]
          : Misfit<`${What} of '${From}' does not fit the input of '${List[I]}'`>
        : never;
    };

/** The target of a join as it stands where it takes an array of `Value`. A union means that the compiler gave up. */
type FitsJoin<N extends Nodes, From extends string, What extends string, Value, Target> =
  IsUnion<Target> extends true
    ? Names<N>
    : Target extends Names<N>
      ? [Value[]] extends [InputOf<N[Target]>]
        ? Target
        : Misfit<`the collected ${What} of '${From}' does not fit the input of '${Target}'`>
      : Names<N>;

type FitsArm<
  N extends Nodes,
  From extends string,
  What extends string,
  Value,
  A,
> = A extends readonly unknown[]
  ? FitsAll<N, From, `the ${What}`, Value, A>
  : A extends { readonly join: infer Target }
    ? { readonly join: FitsJoin<N, From, What, Value, Target> }
    : Arm<Names<N>>;

type CheckKinds<N extends Nodes, K extends Names<N>, On> = {
  readonly [V in Kinds<OutputOf<N[K]>>]: V extends keyof On
    ? FitsArm<N, K, `variant '${V}'`, Payload<OutputOf<N[K]>, V>, On[V]>
    : Arm<Names<N>>;
} & {
  readonly [V in Exclude<
    keyof On,
    Kinds<OutputOf<N[K]>>
  >]: Misfit<`'${K}' gives no variant '${V & string}'`>;
};

/** A `Misfit` for a key that edges do not have, and where they would go two ways at once. */
type CheckKeys<K extends string, E> = {
  readonly [X in Exclude<
    keyof E,
    WayKey | "onError"
  >]: Misfit<`the edges of '${K}' cannot have '${X & string}'`>;
} & (IsUnion<keyof E & WayKey> extends true
  ? Misfit<`the edges of '${K}' go one way: next, join or on`>
  : unknown);

type WayKey = "next" | "join" | "on";

type CheckEdge<N extends Nodes, K extends Names<N>, E> = E extends readonly unknown[]
  ? FitsAll<N, K, "the output", OutputOf<N[K]>, E>
  : CheckKeys<K, E> &
      (E extends { readonly next: infer L extends readonly unknown[] }
        ? { readonly next: FitsAll<N, K, "the output", OutputOf<N[K]>, L> }
        : unknown) &
      (E extends { readonly join: infer Target }
        ? { readonly join: FitsJoin<N, K, "output", OutputOf<N[K]>, Target> }
        : unknown) &
      (E extends { readonly onError: infer L extends readonly unknown[] }
        ? { readonly onError: FitsAll<N, K, "the input", InputOf<N[K]>, L> }
        : unknown) &
      (E extends { readonly on: infer On } ? { readonly on: CheckKinds<N, K, On> } : unknown);

/** The edges as they stand, with a {@link Misfit} in place of each that does not fit. */
export type CheckEdges<N extends Nodes, E> = {
  readonly [K in Names<N>]: K extends keyof E ? CheckEdge<N, K, E[K]> : Edge<Names<N>>;
} & { readonly [K in Exclude<keyof E & string, Names<N>>]: Misfit<`no node is called '${K}'`> };

/** A {@link Misfit} for each node that needs context fields which are not on offer. */
export type CheckShared<N extends Nodes, F extends Fields> = {
  readonly [K in Names<N>]: Handles<F> extends SharedOf<N[K]>
    ? unknown
    : Misfit<`'${K}' needs context fields that the workflow does not have`>;
};

/** What a run gives: the union of what its ends give. */
export type Ends<N extends Nodes, E> = {
  [K in Names<N> & keyof E]: E[K] extends readonly [] | { readonly next: readonly [] }
    ? OutputOf<N[K]>
    : E[K] extends { readonly on: infer On }
      ? {
          [V in keyof On]: On[V] extends readonly [] ? Payload<OutputOf<N[K]>, V> : never;
        }[keyof On]
      : never;
}[Names<N> & keyof E];
