import type { Json } from "../core/json.ts";
import type { Schema } from "../core/schema.ts";

/** Nothing is one of these: where the compiler asks for one, its `Why` is the error message. */
export interface Misfit<Why extends string> {
  readonly misfit: Why;
}

type AnyFunction = (...args: never[]) => unknown;

/** What JSON gives back as something else: a `Date` would arrive as a string, a `Map` as `{}`. */
type Changed =
  | bigint
  | symbol
  | Date
  | RegExp
  | Map<unknown, unknown>
  | Set<unknown>
  | Promise<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | AnyFunction;

/** `T` where JSON carries it unchanged, with a {@link Misfit} in place of each part that it does not. */
export type JsonSafe<T> = unknown extends T
  ? T
  : T extends Json | undefined
    ? T
    : T extends Changed
      ? Misfit<"JSON would change this value: give it a wire form (a string, a number, an array)">
      : { [K in keyof T]: JsonSafe<T[K]> };

/** `unknown` where a node may give `Out`, else what makes the compiler say why not. */
type WireSafe<Out> = unknown extends Out
  ? unknown
  : undefined extends Out
    ? Misfit<"JSON has no undefined: give null where there is nothing">
    : Out extends JsonSafe<Out>
      ? unknown
      : JsonSafe<Out>;

/**
 * A schema of what a node may give. Functions that make nodes for any type take one:
 * `<T>(element: WireSchema<T>) => node({ input: element, output: element, … })`.
 */
export type WireSchema<Out, Parsed = unknown> = Schema<Out, Parsed> & WireSafe<NoInfer<Out>>;

/**
 * A value as a node may give it: what is stored is a copy, so lists may be read-only. So deep as people write literals; types of
 * any depth (JSON) are left as they are below that.
 */
export type Given<T, Depth extends readonly 0[] = []> = Depth["length"] extends 5
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Given<T[K], [...Depth, 0]> }
    : T;
