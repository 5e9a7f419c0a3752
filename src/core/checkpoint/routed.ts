import type { Json } from "../json.ts";

/** One thing that follows from an item: another item, a contribution to a join, or a value that the run gives. */
export type Successor =
  | {
      readonly type: "item";
      readonly node: string;
      readonly input: Json;
      /** True where it gets the input of the item that it follows, which is kept outside the checkpoint. */
      readonly same?: true;
    }
  | { readonly type: "join"; readonly node: string; readonly value: Json }
  | { readonly type: "end"; readonly value: Json };

/** What an answer of a node means in its graph. */
export interface Routed {
  /** True where the successors are branches of a new fork: `nextAll`, or more than one target. */
  readonly forks: boolean;
  readonly successors: readonly Successor[];
  /** Join targets that run, with what arrived, when every branch of this fork has ended without contributing. */
  readonly emptyJoins: readonly string[];
  /** Of a wide fork: where its successors are. Then `successors` is empty. */
  readonly rest?: { readonly key: string; readonly chunks: number };
}
