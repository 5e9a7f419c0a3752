/** One thing that a schema does not take. */
interface SaidIssue {
  /** Where, with dots between the steps; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/** What an error says of a value that does not fit. */
export interface Said {
  readonly issues: readonly SaidIssue[];
  /** The same in one line. */
  readonly text: string;
}

/** Issues that an error names at most. A list of a million wrong numbers must not become an error of many megabytes. */
const ISSUES = 20;
/** Longest message and path of an issue, in characters. */
const MESSAGE_LIMIT = 300;
const PATH_LIMIT = 100;

/** What a schema said, as an error carries it: the first twenty issues, long messages cut. */
export function sayIssues(
  found: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[],
): Said {
  const issues = found.slice(0, ISSUES).map(({ path, message }) => ({
    path: cut(path.map(String).join("."), PATH_LIMIT),
    message: cut(message, MESSAGE_LIMIT),
  }));
  const said = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  if (found.length > ISSUES) said.push(`and ${found.length - ISSUES} more`);
  return { issues, text: said.join("; ") };
}

/** The text, or its beginning where it is longer. @param limit - characters */
export const cut = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit)}…`;
