import type { Json } from "../core/json.ts";

/** A JSON schema, as far as it is looked at. */
interface JsonSchema {
  readonly type?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly examples?: readonly Json[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
}

/** A value that mostly fits a JSON schema, to begin with at a prompt. */
export function sampleOf(schema: JsonSchema | null): Json {
  if (schema === null) return null;
  const given = schema.const ?? schema.default ?? schema.examples?.[0] ?? schema.enum?.[0];
  if (given !== undefined) return given;
  const either = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (either !== undefined) return sampleOf(either);
  switch (schema.type) {
    case "string":
      return "text";
    case "number":
    case "integer":
      return Math.max(1, schema.minimum ?? 1, (schema.exclusiveMinimum ?? 0) + 1);
    case "boolean":
      return true;
    case "array":
      return schema.items === undefined ? [] : [sampleOf(schema.items)];
    case "object":
      return objectOf(schema);
    default:
      return null;
  }
}

function objectOf({ properties = {}, required = [] }: JsonSchema): Json {
  const needed = Object.entries(properties).filter(([name]) => required.includes(name));
  return Object.fromEntries(needed.map(([name, schema]) => [name, sampleOf(schema)]));
}
