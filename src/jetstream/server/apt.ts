import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Env, executablesNamed, runCommand } from "./command.ts";
import {
  type NewerSuites,
  newerSuitesFor,
  parseListFile,
  parseSourcesFile,
  renderSources,
  type SourceEntry,
} from "./debian.ts";

/**
 * Reads which newer suites this machine can be served from.
 *
 * @param etc where the machine's configuration lies.
 * @throws Error when this is no Debian or Ubuntu, or apt has no archive of it.
 */
export async function readNewerSuites(etc: string, env: Env): Promise<NewerSuites> {
  for (const program of ["apt-get", "dpkg"]) {
    const found = await executablesNamed(program, env);
    if (found.length === 0) throw new Error(`there is no ${program} on PATH`);
  }
  const osRelease = await readFile(join(etc, "os-release"), "utf8");
  return newerSuitesFor(osRelease, await readSourceEntries(join(etc, "apt")));
}

async function readSourceEntries(directory: string): Promise<SourceEntry[]> {
  const text = (path: string) => readFile(path, "utf8").catch(() => "");
  const entries = parseListFile(await text(join(directory, "sources.list")));
  const parts = join(directory, "sources.list.d");
  for (const name of await readdir(parts).catch(() => [])) {
    const content = await text(join(parts, name));
    if (name.endsWith(".sources")) entries.push(...parseSourcesFile(content));
    if (name.endsWith(".list")) entries.push(...parseListFile(content));
  }
  return entries;
}

/**
 * Fetches the package of one suite and unpacks it. Nothing is installed: apt gets lists, caches and
 * sources of its own inside `directory`, so this needs no root and leaves the machine as it was.
 * Proxies, credentials and key rings are those of the machine's apt, which also checks signatures.
 *
 * @returns the path of the server.
 */
export async function obtainFromSuite(
  directory: string,
  newer: NewerSuites,
  suite: string,
  env: Env,
): Promise<string> {
  const inside = (name: string) => join(directory, name);
  for (const name of ["sources", "lists/partial", "archives/partial", "unpacked"]) {
    await mkdir(inside(name), { recursive: true });
  }
  await writeFile(join(inside("sources"), "newer.sources"), renderSources(newer, suite));
  const options = [
    `Dir::State=${directory}`,
    `Dir::State::lists=${inside("lists")}`,
    `Dir::Cache=${directory}`,
    `Dir::Cache::archives=${inside("archives")}`,
    "Dir::Etc::sourcelist=/dev/null",
    `Dir::Etc::sourceparts=${inside("sources")}`,
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=/dev/null",
    // Root's apt would fetch as the user _apt, who may not write here.
    "APT::Sandbox::User=root",
    "APT::Update::Error-Mode=any",
    "Acquire::Languages=none",
    "Acquire::Retries=1",
    "Acquire::http::Timeout=10",
    "Acquire::https::Timeout=10",
  ].flatMap((option) => ["-o", option]);
  const apt = (...args: string[]) =>
    runCommand("apt-get", [...options, "-q", ...args], { env, timeoutMs: 120_000, cwd: directory });

  await apt("update");
  await apt("download", "nats-server");
  const archive = (await readdir(directory)).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt fetched no nats-server from ${suite}`);
  const unpack = ["-x", inside(archive), inside("unpacked")];
  await runCommand("dpkg", unpack, { env, timeoutMs: 60_000 });
  for (const place of ["usr/sbin/nats-server", "usr/bin/nats-server"]) {
    const path = join(inside("unpacked"), place);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  throw new Error(`the package of ${suite} holds no nats-server`);
}
