import { FloxideError } from "../core/errors.ts";
import { parseWith, type Schema } from "../core/schema.ts";

/** Any Standard Schema, its types forgotten. */
export type AnySchema = Schema<unknown, unknown>;

/** The wire form that a schema takes. */
export type WireOf<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["input"];

/** What a schema makes of the wire form. */
export type ParsedOf<S extends AnySchema> = NonNullable<S["~standard"]["types"]>["output"];

type Result = Awaited<ReturnType<AnySchema["~standard"]["validate"]>>;

/** A schema from a function that checks. */
export function schemaOf<In, Out>(
  validate: (value: unknown) => Result | Promise<Result>,
): Schema<In, Out> {
  return { "~standard": { validate } } as Schema<In, Out>;
}

/** Takes everything as it is. */
export const anything: AnySchema = schemaOf((value) => ({ value }));

/** What another schema says, placed at `key` of something larger. */
export function at(key: PropertyKey, result: Result): Result {
  if (result.issues === undefined) return result;
  return {
    issues: result.issues.map((issue) => ({
      message: issue.message,
      path: [key, ...(issue.path ?? [])],
    })),
  };
}

/** An array whose elements all fit `element`. */
export function arrayOf(element: AnySchema): AnySchema {
  return schemaOf((value) => {
    if (!Array.isArray(value)) return { issues: [{ message: "expected an array" }] };
    const results = value.map((one: unknown) => element["~standard"].validate(one));
    return results.some((result) => result instanceof Promise)
      ? Promise.all(results).then(collect)
      : collect(results as Result[]);
  });
}

function collect(results: readonly Result[]): Result {
  const placed = results.map((result, index) => at(index, result));
  const issues = placed.flatMap((result) => result.issues ?? []);
  if (issues.length > 0) return { issues };
  return { value: placed.map((result) => ("value" in result ? result.value : undefined)) };
}

/**
 * Checks a value by a schema that must answer at once, and gives the value as it came, not as parsed.
 *
 * Context fields use it: their handles are synchronous, and what is stored is the wire form.
 *
 * @param schema - null lets everything pass
 * @throws FloxideError `validation` where it does not fit, `definition` where the schema is asynchronous
 */
export function checkNow(
  schema: AnySchema | null,
  value: unknown,
  what: string,
  direction: "input" | "output",
): void {
  if (schema === null) return;
  const parsed = parseWith(schema, value, what, direction);
  if (!(parsed instanceof Promise)) return;
  parsed.catch(() => {});
  throw new FloxideError("definition", `the schema for ${what} is asynchronous; it must not be`);
}
