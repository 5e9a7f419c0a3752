import { z } from "zod";
import type { AnyWorkflow } from "../workflows/index.ts";

/** A workflow as the API describes it. */
export interface WorkflowDescription {
  readonly name: string;
  readonly version: number;
  readonly description: string | null;
  readonly fingerprint: string;
  /** Node that gets the input. */
  readonly start: string;
  readonly nodes: readonly string[];
  /** JSON schema of the input; null where its library has none. */
  readonly inputSchema: object | null;
}

const known = new WeakMap<AnyWorkflow, WorkflowDescription>();

/** What callers need to know of a workflow to start it. */
export function describeWorkflow(workflow: AnyWorkflow): WorkflowDescription {
  const cached = known.get(workflow);
  if (cached !== undefined) return cached;
  const { name, version, description, fingerprint, start, nodes } = workflow;
  const described = {
    name,
    version,
    description,
    fingerprint,
    start,
    nodes: Object.keys(nodes),
    inputSchema: jsonSchemaOf(nodes[start]?.inputSchema),
  };
  known.set(workflow, described);
  return described;
}

/** JSON schema of what a zod schema takes, or null where it is another library's or says nothing. */
export function jsonSchemaOf(schema: unknown): object | null {
  if (typeof schema !== "object" || schema === null || !("_zod" in schema)) return null;
  try {
    return z.toJSONSchema(schema as z.ZodType, { io: "input", unrepresentable: "any" });
  } catch {
    // Another version of zod, or a type that has no form in JSON schema: a description is no reason to fail.
    return null;
  }
}
