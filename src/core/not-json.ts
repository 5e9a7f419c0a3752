/** Where the engine quotes the text that it cannot read, up to the whole of it. */
const QUOTED = /,? (?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON$/s;
const TOKEN = /^Unexpected token .*$/s;

/** What is wrong with a text that is no JSON, without a piece of it: that may be a secret, and ends in logs. */
export function whyNotJson(error: unknown): string {
  if (!(error instanceof Error)) return "it cannot be read";
  const said = error.message.replace(QUOTED, "");
  return said.replace(TOKEN, "unexpected character");
}
