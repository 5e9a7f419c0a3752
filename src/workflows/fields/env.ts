import { newId } from "../../core/new-id.ts";
import type { FieldEnv } from "./field.ts";

/**
 * The environment of context fields for one execution of a node: its time, and uuids of version 7.
 *
 * @param now - milliseconds since the epoch
 */
export function fieldEnv(now: number): FieldEnv {
  return { now, newId };
}
