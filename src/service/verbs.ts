import type { Verb } from "./define-verb.ts";
import { jsonSchemaOf } from "./describe-workflow.ts";
import { RUN_VERBS, SYSTEM_VERBS } from "./inspect-verbs.ts";
import { STEER_VERBS } from "./steer-verbs.ts";

/** All verbs of the API: the last token of the subject, and what it does. */
export const VERBS = { ...STEER_VERBS, ...RUN_VERBS, ...SYSTEM_VERBS } as const satisfies Readonly<
  Record<string, Verb>
>;

export type VerbName = keyof typeof VERBS;

/** Verb names in the order of the table. */
export const VERB_NAMES = Object.keys(VERBS) as readonly VerbName[];

/** The verb of that name, or null. */
export function verbNamed(name: string): Verb | null {
  return Object.hasOwn(VERBS, name) ? VERBS[name as VerbName] : null;
}

/** A verb for documentation. */
export interface VerbDescription {
  readonly verb: VerbName;
  readonly summary: string;
  readonly gives: string;
  readonly example: object;
  /** JSON schema of the request. */
  readonly request: object | null;
}

let described: readonly VerbDescription[] | null = null;

/** The table in words, for documentation and discovery. Made once: tools that watch services ask every few seconds. */
export function describeVerbs(): readonly VerbDescription[] {
  described ??= VERB_NAMES.map((verb) => {
    const { summary, gives, example, request } = VERBS[verb];
    return { verb, summary, gives, example, request: jsonSchemaOf(request) };
  });
  return described;
}
