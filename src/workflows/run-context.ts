import { FloxideError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { AnyField, FieldEnv, Fields } from "./fields/field.ts";

/** A run's context as it is stored: a value for each field. */
export type StoredContext = Readonly<Record<string, Json>>;

/** The context of one execution of a node. */
export interface OpenContext {
  /** What node code gets, by field name. */
  readonly handles: Readonly<Record<string, unknown>>;
  /** What the node wrote since this was last asked, one delta a field, or null where it wrote nothing. */
  takeDelta(): Record<string, Json> | null;
}

/**
 * The context that a run starts with: what is given, and the empty value of every other field.
 *
 * @param given - an object of field names and values; undefined and null stand for nothing given
 * @throws FloxideError `validation` for what is no object, for a name that is no field and for a value that does not fit
 */
export function initialContext(
  workflow: { readonly name: string; readonly context: Fields },
  given: unknown,
): Record<string, Json> {
  const values = given ?? {};
  const owner = `workflow "${workflow.name}"`;
  if (typeof values !== "object" || Array.isArray(values)) {
    throw refused(`the context for ${owner} must be an object with a value for some of its fields`);
  }
  const names = Object.keys(workflow.context);
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(workflow.context, name));
  if (unknown.length > 0) {
    throw refused(
      `${owner} has no context field ${quoted(unknown)}; ${names.length === 0 ? "it has none" : `it has ${quoted(names)}`}`,
    );
  }
  const stored: Record<string, Json> = {};
  for (const [name, field] of Object.entries(workflow.context)) {
    const value: unknown = (values as Record<string, unknown>)[name];
    stored[name] = (
      value === undefined
        ? field.empty
        : field.initial(value, `the context field "${name}" of ${owner}`)
    ) as Json;
  }
  return stored;
}

/**
 * Opens the handles of all fields on a stored context, and records what is written through them.
 *
 * Several writes of one field become one delta. The stored context is not changed.
 */
export function openContext(fields: Fields, stored: StoredContext, env: FieldEnv): OpenContext {
  const handles: Record<string, unknown> = {};
  let emitted = new Map<string, unknown[]>();
  for (const [name, field] of Object.entries(fields)) {
    const emit = (delta: unknown): void => {
      const deltas = emitted.get(name);
      if (deltas === undefined) emitted.set(name, [delta]);
      else deltas.push(delta);
    };
    handles[name] = field.open(
      current(field, stored, name),
      emit,
      env,
      `the context field "${name}"`,
    );
  }
  return {
    handles,
    takeDelta: () => {
      if (emitted.size === 0) return null;
      const delta: Record<string, Json> = {};
      for (const [name, field] of Object.entries(fields)) {
        const deltas = emitted.get(name);
        if (deltas !== undefined) delta[name] = mergeAll(field, deltas) as Json;
      }
      emitted = new Map();
      return delta;
    },
  };
}

/**
 * The stored context with a delta merged in; neither is changed.
 *
 * Stored fields that the workflow does not have stay as they are: a newer version may have written them.
 *
 * @throws FloxideError `validation` for a delta of a field that the workflow does not have
 */
export function mergeContext(
  fields: Fields,
  stored: StoredContext,
  delta: StoredContext | null,
): Record<string, Json> {
  const merged: Record<string, Json> = { ...stored };
  for (const [name, change] of Object.entries(delta ?? {})) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      throw refused(`there is no context field "${name}" to merge a delta into`);
    }
    merged[name] = field.merge(current(field, stored, name), change) as Json;
  }
  return merged;
}

function current(field: AnyField, stored: StoredContext, name: string): unknown {
  return Object.hasOwn(stored, name) ? stored[name] : field.empty;
}

/** Pairwise, so that ten thousand appended events cost their number times its logarithm, not its square. */
function mergeAll(field: AnyField, deltas: readonly unknown[]): unknown {
  let level = deltas;
  while (level.length > 1) {
    const above: unknown[] = [];
    for (let i = 0; i < level.length; i += 2) {
      above.push(i + 1 < level.length ? field.merge(level[i], level[i + 1]) : level[i]);
    }
    level = above;
  }
  return level[0];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

function refused(message: string): FloxideError {
  return new FloxideError("validation", message, { details: { direction: "input" } });
}
