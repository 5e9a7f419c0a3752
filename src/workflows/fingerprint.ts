import { createHash } from "node:crypto";
import { canonicalJson } from "../core/canonical-json.ts";
import { type Edge, waysOf } from "./edges.ts";

/** Hexadecimal digits of a fingerprint: 64 bits tell the versions of one workflow apart. */
const LENGTH = 16;

/** What a fingerprint is made of. */
export interface GraphShape {
  readonly name: string;
  readonly version: number;
  readonly start: string;
  readonly nodes: { readonly [name: string]: { readonly kind: string } };
  readonly edges: { readonly [name: string]: Edge };
  readonly context: { readonly [name: string]: { readonly kind: string } };
}

/**
 * A short hash of a graph: equal for equal graphs, whatever the order of their keys or the form of their edges.
 *
 * Retry policies, time limits, schemas and code are left out: they may change under runs that are under way.
 *
 * @returns 16 hexadecimal digits
 */
export function fingerprintOf(graph: GraphShape): string {
  const edges = Object.entries(graph.edges).map(([name, edge]) => {
    const { ways, byKind, onError } = waysOf(edge);
    const arms = ways.map(({ kind, targets, join }) => [kind ?? "", { targets, join }] as const);
    return [name, { byKind, onError, arms: Object.fromEntries(arms) }] as const;
  });
  const text = canonicalJson({
    name: graph.name,
    version: graph.version,
    start: graph.start,
    nodes: kindsIn(graph.nodes),
    fields: kindsIn(graph.context),
    edges: Object.fromEntries(edges),
  });
  return createHash("sha256").update(text).digest("hex").slice(0, LENGTH);
}

function kindsIn(parts: { readonly [name: string]: { readonly kind: string } }): object {
  return Object.fromEntries(Object.entries(parts).map(([name, { kind }]) => [name, kind]));
}
