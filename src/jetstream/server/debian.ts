/** One entry of apt's configuration: an archive and the suites that are used of it. */
export interface SourceEntry {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** A key ring's path, or a key itself over several lines. `null` = apt's default key ring. */
  readonly signedBy: string | null;
  /** True when the machine's owner accepts this archive without a signature. */
  readonly isTrusted: boolean;
}

/** What one kind of system calls its newer suites. */
interface Distribution {
  /** Suites that have a new enough server, the steadiest first. */
  readonly newerSuites: readonly string[];
  /** The part of the archive that holds nats-server. */
  readonly component: string;
}

/** By the `ID` of os-release. The stable suites are too old: Debian 13 has 2.10.27. */
const DISTRIBUTIONS: Readonly<Record<string, Distribution>> = {
  debian: { newerSuites: ["forky", "sid"], component: "main" },
  ubuntu: { newerSuites: ["devel"], component: "universe" },
};

/** Which newer suites to ask, and from which of the machine's own archives. */
export interface NewerSuites {
  readonly suites: readonly string[];
  readonly component: string;
  readonly archive: SourceEntry;
}

/** Reads a `*.list` file: one line an entry, `deb [options] uri suite component…`. */
export function parseListFile(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?([^#]+)/.exec(line);
    if (match === null) continue;
    const [uri, suite, ...components] = words(match[2] ?? "");
    if (uri === undefined || suite === undefined) continue;
    const options = new Map(
      words(match[1] ?? "").map((word) => word.split("=", 2) as [string, string]),
    );
    entries.push({
      uris: [uri],
      suites: [suite],
      components,
      signedBy: options.get("signed-by") ?? null,
      isTrusted: options.get("trusted") === "yes",
    });
  }
  return entries;
}

/** Reads a `*.sources` file: stanzas of fields, as sources.list(5) describes them. */
export function parseSourcesFile(text: string): SourceEntry[] {
  const withoutComments = text.replaceAll(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = parseFields(stanza);
    const isUsed = fields.get("enabled")?.toLowerCase() !== "no";
    if (!isUsed || !words(fields.get("types") ?? "").includes("deb")) return [];
    return [
      {
        uris: words(fields.get("uris") ?? ""),
        suites: words(fields.get("suites") ?? ""),
        components: words(fields.get("components") ?? ""),
        signedBy: fields.get("signed-by") ?? null,
        isTrusted: fields.get("trusted")?.toLowerCase() === "yes",
      },
    ];
  });
}

/** Names to values. A value goes on in the lines that begin with a space, and keeps their breaks. */
function parseFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let current = "";
  for (const line of stanza.split("\n")) {
    const field = /^([A-Za-z][A-Za-z0-9-]*):\s*(.*)$/.exec(line);
    if (field !== null) {
      current = (field[1] ?? "").toLowerCase();
      fields.set(current, field[2] ?? "");
    } else if (/^\s/.test(line) && current !== "") {
      fields.set(current, `${fields.get(current)}\n${line}`);
    }
  }
  return fields;
}

/**
 * Picks, from what the machine's apt uses, the archive of its distribution. An archive that does not
 * carry the machine's own suite is somebody else's (Node, a cloud's tools) and is left alone.
 *
 * @param osRelease the text of /etc/os-release.
 * @throws Error when the system is another one, or no such archive is configured.
 */
export function newerSuitesFor(osRelease: string, entries: readonly SourceEntry[]): NewerSuites {
  const id = valueIn(osRelease, "ID");
  const distribution = id === null ? undefined : DISTRIBUTIONS[id];
  if (distribution === undefined) {
    throw new Error(`this way knows Debian and Ubuntu, and this system is ${id ?? "neither"}`);
  }
  const codename = valueIn(osRelease, "VERSION_CODENAME");
  const own = new Set([codename, "stable", "testing", "unstable", ...distribution.newerSuites]);
  const { component } = distribution;
  const archive = entries.find(
    (entry) => entry.suites.some((suite) => own.has(suite)) && entry.components.includes(component),
  );
  if (archive === undefined) {
    throw new Error(`apt has no archive with the suite ${codename} and the component ${component}`);
  }
  return { suites: distribution.newerSuites, component, archive };
}

/** The text of a `*.sources` file that names one suite of an archive, with the same keys. */
export function renderSources(newer: NewerSuites, suite: string): string {
  const { archive, component } = newer;
  return [
    "Types: deb",
    `URIs: ${archive.uris.join(" ")}`,
    `Suites: ${suite}`,
    `Components: ${component}`,
    ...(archive.signedBy === null ? [] : [`Signed-By: ${archive.signedBy}`]),
    ...(archive.isTrusted ? ["Trusted: yes"] : []),
    "",
  ].join("\n");
}

function valueIn(osRelease: string, name: string): string | null {
  return new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1] ?? null;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
