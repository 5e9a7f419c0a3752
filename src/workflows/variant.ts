import type { Schema } from "../core/schema.ts";
import { after } from "./after.ts";
import { type AnySchema, at, type ParsedOf, schemaOf, type WireOf } from "./schemas.ts";

/** A value and the kind that it is routed by. */
export interface Variant<Kind extends string, Value> {
  readonly kind: Kind;
  readonly value: Value;
}

/** A value of one kind: `next(variant("large", receipt))` follows the arm `large`, which gets the receipt. */
export function variant<const Kind extends string, const Value>(
  kind: Kind,
  value: Value,
): Variant<Kind, Value> {
  return { kind, value };
}

/** The kinds of a `variants` schema, each with the schema of its value. */
export interface VariantShape {
  readonly [kind: string]: AnySchema;
}

type WireVariants<S extends VariantShape> = {
  readonly [K in keyof S & string]: Variant<K, WireOf<S[K]>>;
}[keyof S & string];

type ParsedVariants<S extends VariantShape> = {
  readonly [K in keyof S & string]: Variant<K, ParsedOf<S[K]>>;
}[keyof S & string];

/** A schema for "one of these kinds, each with its value". */
export interface VariantsSchema<S extends VariantShape>
  extends Schema<WireVariants<S>, ParsedVariants<S>> {
  readonly kinds: readonly (keyof S & string)[];
}

/**
 * Makes a schema for "one of these kinds, each with its value". As the output of a node it makes its edges a choice.
 *
 * @param shape - kinds and the schemas of their values, of any Standard Schema library
 */
export function variants<S extends VariantShape>(shape: S): VariantsSchema<S> {
  const arms = new Map<unknown, AnySchema>(Object.entries(shape));
  const kinds = Object.freeze(Object.keys(shape));
  const schema = schemaOf<WireVariants<S>, ParsedVariants<S>>((given) => {
    if (!isVariant(given)) return { issues: [{ message: "expected { kind, value }" }] };
    const { kind, value } = given;
    const arm = arms.get(kind);
    if (arm === undefined) {
      return { issues: [{ message: `expected one of ${kinds.join(", ")}`, path: ["kind"] }] };
    }
    return after(arm["~standard"].validate(value), (result) =>
      result.issues === undefined ? { value: { kind, value: result.value } } : at("value", result),
    );
  });
  return Object.freeze({ ...schema, kinds });
}

/** The kinds that a schema routes by, or null where it does not say. */
export function kindsOf(schema: AnySchema): readonly string[] | null {
  return "kinds" in schema && Array.isArray(schema.kinds) ? (schema.kinds as string[]) : null;
}

/** True for what {@link variant} gives. */
export function isVariant(value: unknown): value is Variant<string, unknown> {
  return (
    value !== null &&
    typeof value === "object" &&
    "kind" in value &&
    typeof value.kind === "string" &&
    "value" in value
  );
}
