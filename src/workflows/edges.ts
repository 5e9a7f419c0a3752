/** Where a value goes: to each node of a list (none: it is a result of the run), or into a join. */
export type Arm<Name extends string = string> = readonly Name[] | { readonly join: Name };

/**
 * The edges out of one node.
 *
 * A bare list is short for `{ next: list }`; an empty one ends the run there. `join` collects: its target runs once,
 * with the values of all branches of the fork in their order. `on` routes by the kind of a variant, and unwraps its
 * value. `onError` targets get the node's input when its last attempt has failed.
 */
export type Edge<Name extends string = string> =
  | readonly Name[]
  | { readonly next: readonly Name[]; readonly onError?: readonly Name[] }
  | { readonly join: Name; readonly onError?: readonly Name[] }
  | {
      readonly on: { readonly [kind: string]: Arm<Name> };
      readonly onError?: readonly Name[];
    };

/** One way out of a node, in the form that the engine follows. */
export interface Way {
  /** The variant that goes this way, or null where there is only this one. */
  readonly kind: string | null;
  /** Nodes that get the value. None, and no join: an end. */
  readonly targets: readonly string[];
  /** Node that collects the values, or null. */
  readonly join: string | null;
}

/** All ways out of a node. */
export interface Ways {
  readonly ways: readonly Way[];
  /** True where the node's value is a variant to route by. */
  readonly byKind: boolean;
  /** Nodes that get the input when the node has failed. */
  readonly onError: readonly string[];
}

/** Brings the short and the long form of an edge into one. */
export function waysOf(edge: Edge): Ways {
  if (isList(edge)) return { ways: [wayOf(null, edge)], byKind: false, onError: [] };
  const onError = edge.onError ?? [];
  if ("on" in edge) {
    const ways = Object.entries(edge.on).map(([kind, arm]) => wayOf(kind, arm));
    return { ways, byKind: true, onError };
  }
  const arm: Arm = "next" in edge ? edge.next : { join: edge.join };
  return { ways: [wayOf(null, arm)], byKind: false, onError };
}

function wayOf(kind: string | null, arm: Arm): Way {
  return isList(arm) ? { kind, targets: arm, join: null } : { kind, targets: [], join: arm.join };
}

/** True where a value that goes this way leaves the graph. */
export function isEnd(way: Way): boolean {
  return way.join === null && way.targets.length === 0;
}

/** The nodes that a way leads to, as an item or as a join. */
export function targetsOf(way: Way): readonly string[] {
  return way.join === null ? way.targets : [way.join];
}

/** `Array.isArray` for readonly arrays. */
function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}
