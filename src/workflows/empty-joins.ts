import { type Way, waysOf } from "./edges.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** A node about to run, and how many forks have opened since the one in question. */
interface Place {
  readonly node: string;
  readonly depth: number;
}

/**
 * The join targets that close a fork whose branches go these ways, found without running anything.
 *
 * They are what runs when no branch brought anything. The search follows all edges but `onError`. A `split`, and a way
 * with several targets, opens a fork of its own, which the next join on the way closes; a node that may answer
 * `nextAll` without being a `split` is taken not to.
 */
export function emptyJoinsFrom(workflow: AnyWorkflow, ways: readonly Way[]): readonly string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  // More forks inside each other than nodes means going round in a loop.
  const deepest = Object.keys(workflow.nodes).length;
  const places: Place[] = [];
  const leave = (way: Way, depth: number): void => {
    if (way.join !== null) {
      if (depth === 0) found.add(way.join);
      else places.push({ node: way.join, depth: depth - 1 });
    }
    for (const node of way.targets) places.push({ node, depth });
  };

  for (const way of ways) leave(way, 0);
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { node, depth } = place;
    const key = `${depth} ${node}`;
    if (seen.has(key) || depth > deepest) continue;
    seen.add(key);
    const splits = workflow.nodes[node]?.kind === "split";
    for (const way of waysOf(workflow.edges[node] ?? []).ways) {
      leave(way, depth + (splits || way.targets.length > 1 ? 1 : 0));
    }
  }
  return Object.freeze([...found].sort());
}
