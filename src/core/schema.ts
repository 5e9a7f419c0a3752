import { FloxideError } from "./errors.ts";
import { sayIssues } from "./issues.ts";

/**
 * What any Standard Schema library's schema looks like, so that zod, valibot and arktype all fit.
 * `In` is the wire form, `Out` the parsed one. Source: https://standardschema.dev
 */
export interface Schema<In, Out = In> {
  readonly "~standard": {
    readonly validate: (value: unknown) => Parsed<Out> | Promise<Parsed<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type Parsed<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/**
 * Parses, or says what does not fit and where.
 *
 * @param what - names the value in the message, such as `the input of node "charge"`
 * @param direction - `input` marks the failure as final: the same input will not fit next time either
 * @throws FloxideError `validation`, with `details.issues` as `{ path, message }`, the first twenty
 */
export function parseWith<Out>(
  schema: Schema<never, Out> | Schema<unknown, Out>,
  value: unknown,
  what: string,
  direction: "input" | "output",
): Out | Promise<Out> {
  const parsed = schema["~standard"].validate(value);
  return parsed instanceof Promise
    ? parsed.then((done) => unwrap(done, what, direction))
    : unwrap(parsed, what, direction);
}

function unwrap<Out>(parsed: Parsed<Out>, what: string, direction: "input" | "output"): Out {
  if (parsed.issues === undefined) return parsed.value;
  const { issues, text } = sayIssues(
    parsed.issues.map((issue) => ({ path: pathOf(issue), message: String(issue.message) })),
  );
  throw new FloxideError("validation", `${what} does not fit: ${text}`, {
    details: { issues, direction },
  });
}

function pathOf(issue: Issue): string[] {
  return (issue.path ?? []).map((step) =>
    String(typeof step === "object" && step !== null ? step.key : step),
  );
}
