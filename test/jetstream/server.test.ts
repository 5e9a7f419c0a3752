import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isFloxideError } from "../../src/core/errors.ts";
import { addToCache, cacheDirectory, findCached } from "../../src/jetstream/server/cache.ts";
import {
  executablesNamed,
  probe,
  reasonOf,
  runCommand,
} from "../../src/jetstream/server/command.ts";
import { renderConfig } from "../../src/jetstream/server/config.ts";
import {
  newerSuitesFor,
  parseListFile,
  parseSourcesFile,
  renderSources,
} from "../../src/jetstream/server/debian.ts";
import { findNatsServer, waysOf } from "../../src/jetstream/server/find.ts";
import {
  checksumIn,
  obtainRelease,
  PINNED_VERSION,
  type Release,
  releaseFor,
} from "../../src/jetstream/server/release.ts";
import {
  compareVersions,
  isNewEnough,
  MIN_VERSION,
  parseVersion,
} from "../../src/jetstream/server/version.ts";
import { firstThatWorks, type ServerSource, type Way } from "../../src/jetstream/server/ways.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "floxide-test-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A program that says it is that version, in the place of a real server. */
async function fakeServer(path: string, version: string): Promise<string> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

/** An environment in which no real server, go or apt is found. */
const bare = () => ({ PATH: join(directory, "bin"), HOME: directory });

describe("versions", () => {
  test.each([
    ["nats-server: v2.15.1\n", "2.15.1"],
    ["nats-server: 2.12.0", "2.12.0"],
    ["nats-server: v2.12.0-RC.3", "2.12.0-RC.3"],
    ["gnatsd 1.4", null],
    ["", null],
  ])("reads %j as %j", (output, version) => {
    expect(parseVersion(output)).toBe(version);
  });

  test("orders numbers as numbers", () => {
    const versions = ["2.9.10", "2.15.1", "2.12.0", "2.9.9"];
    expect(versions.sort(compareVersions)).toEqual(["2.9.9", "2.9.10", "2.12.0", "2.15.1"]);
  });

  test.each([
    ["2.12.0", true],
    ["2.12.0-RC.3", true],
    ["2.100.0", true],
    ["3.0.0", true],
    ["2.11.99", false],
    ["2.9.10", false],
    ["1.99.99", false],
  ])("%s is new enough: %s", (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  test("the pinned release is new enough", () => {
    expect(isNewEnough(PINNED_VERSION)).toBe(true);
  });
});

describe("the ways", () => {
  const found = (source: ServerSource): Way => ({
    source,
    isDemanded: false,
    find: async () => ({ path: `/opt/${source}`, version: "2.14.0" }),
  });
  const fails = (source: ServerSource, why: string, isDemanded = false): Way => ({
    source,
    isDemanded,
    find: async () => {
      throw new Error(why);
    },
  });

  test("come in the documented order", () => {
    const order = waysOf({}).map((way) => way.source);
    expect(order).toEqual(["environment", "path", "cache", "release", "go", "apt"]);
  });

  test("stop at the first that leads to a server, with one line about each", async () => {
    const lines: string[] = [];
    const ways = [fails("path", "there is none\nat all"), found("cache"), found("release")];
    const binary = await firstThatWorks(ways, (line) => lines.push(line));
    expect(binary).toEqual({ path: "/opt/cache", version: "2.14.0", source: "cache" });
    expect(lines).toEqual([
      "nats-server, path: there is none",
      "nats-server, cache: 2.14.0 at /opt/cache",
    ]);
  });

  test("end in one error that says what was tried, why it failed and what to do", async () => {
    const ways = [fails("path", "there is none"), fails("go", "there is no go on PATH")];
    const error = await firstThatWorks(ways, () => undefined).catch((thrown) => thrown);
    expect(isFloxideError(error, "backend")).toBe(true);
    expect(error.message).toContain(`found no nats-server ${MIN_VERSION} or newer`);
    expect(error.message).toContain("path: there is none");
    expect(error.message).toContain("go: there is no go on PATH");
    expect(error.message).toContain("set FLOXIDE_NATS_SERVER");
  });

  test("end at one that somebody asked for and that fails", async () => {
    const ways = [fails("environment", "is 2.9.10, too old", true), found("path")];
    const trying = firstThatWorks(ways, () => undefined);
    await expect(trying).rejects.toThrow("environment: is 2.9.10, too old");
  });

  test("the variable wins over PATH", async () => {
    const pinned = await fakeServer(join(directory, "pinned", "nats-server"), "2.13.1");
    await fakeServer(join(directory, "bin", "nats-server"), "2.15.0");
    const env = { ...bare(), FLOXIDE_NATS_SERVER: pinned };
    expect(await findNatsServer({ env })).toEqual({
      path: pinned,
      version: "2.13.1",
      source: "environment",
    });
  });

  test("a variable that leads nowhere is an error, whatever PATH holds", async () => {
    await fakeServer(join(directory, "bin", "nats-server"), "2.15.0");
    const env = { ...bare(), FLOXIDE_NATS_SERVER: join(directory, "typo") };
    await expect(findNatsServer({ env })).rejects.toMatchObject({ code: "backend" });
  });

  test("a server on PATH that is too old is passed over for a newer one further on", async () => {
    await fakeServer(join(directory, "old", "nats-server"), "2.9.10");
    const newer = await fakeServer(join(directory, "new", "nats-server"), "2.12.4");
    const PATH = `${join(directory, "old")}:${join(directory, "new")}`;
    const binary = await findNatsServer({ env: { ...bare(), PATH } });
    expect(binary).toEqual({ path: newer, version: "2.12.4", source: "path" });
  });

  test("the cache serves when PATH has none", async () => {
    const cached = join(directory, ".cache", "floxide", "nats-server", "2.14.2", "nats-server");
    await fakeServer(cached, "2.14.2");
    const env = { ...bare(), XDG_CACHE_HOME: join(directory, ".cache") };
    const cacheWay = waysOf(env).find((way) => way.source === "cache");
    expect(await cacheWay?.find()).toEqual({ path: cached, version: "2.14.2" });
  });

  test("go installs the pinned version into the cache", async () => {
    const go = join(directory, "bin", "go");
    const env = { ...bare(), PATH: `${join(directory, "bin")}:/bin:/usr/bin` };
    await mkdir(join(directory, "bin"));
    const installed = `#!/bin/sh\necho "nats-server: v${PINNED_VERSION}"`;
    await writeFile(
      go,
      [
        "#!/bin/sh",
        `[ "$1 $2" = "install github.com/nats-io/nats-server/v2@v${PINNED_VERSION}" ] || exit 1`,
        `printf '%s\\n' '${installed}' > "$GOBIN/nats-server"`,
        'chmod +x "$GOBIN/nats-server"',
      ].join("\n"),
    );
    await chmod(go, 0o755);
    const way = waysOf({ ...env, XDG_CACHE_HOME: directory }).find(({ source }) => source === "go");
    expect(await way?.find()).toEqual({
      path: join(directory, "floxide", "nats-server", PINNED_VERSION, "nats-server"),
      version: PINNED_VERSION,
    });
  });
});

describe("programs", () => {
  test("are found on PATH in its order, and only when they can be run", async () => {
    const first = await fakeServer(join(directory, "a", "floxide-fake"), "2.15.0");
    const third = await fakeServer(join(directory, "c", "floxide-fake"), "2.15.0");
    await mkdir(join(directory, "b"));
    await writeFile(join(directory, "b", "floxide-fake"), "no program");
    const PATH = ["a", "b", "missing", "c"].map((name) => join(directory, name)).join(":");
    expect(await executablesNamed("floxide-fake", { PATH })).toEqual([first, third]);
  });

  test("a server that is too old is named with its version and the one needed", async () => {
    const path = await fakeServer(join(directory, "nats-server"), "2.9.10");
    await expect(probe(path, {})).rejects.toThrow(
      `${path} is 2.9.10, too old: ${MIN_VERSION} or newer is needed`,
    );
  });

  test.each([
    ["echo first >&2; echo last >&2; exit 1", "/bin/sh: last"],
    ["echo 'E: 404' >&2; echo 'E: Some failed.' >&2; exit 100", "/bin/sh: E: 404"],
    ["exit 3", "/bin/sh: ended with 3"],
    ["exec sleep 10", "/bin/sh: took longer than 100 ms"],
  ])("that fail are quoted: %s", async (script, message) => {
    const running = runCommand("/bin/sh", ["-c", script], { env: {}, timeoutMs: 100 });
    await expect(running).rejects.toThrow(message);
  });

  test("the reason of a failed request is its innermost cause", () => {
    const cause = new Error("getaddrinfo ENOTFOUND github.com");
    expect(reasonOf(new TypeError("fetch failed", { cause }))).toBe(cause.message);
    expect(reasonOf(new AggregateError([cause], "both failed"))).toBe(cause.message);
    expect(reasonOf("text")).toBe("text");
  });
});

describe("the cache", () => {
  test.each([
    [{}, "linux", "/home/ada/.cache/floxide/nats-server"],
    [{}, "darwin", "/home/ada/Library/Caches/floxide/nats-server"],
    [{ XDG_CACHE_HOME: "/var/cache/ada" }, "linux", "/var/cache/ada/floxide/nats-server"],
    [{ LOCALAPPDATA: "/local" }, "win32", "/local/floxide/nats-server"],
  ] as const)("%j on %s is %s", (env, platform, expected) => {
    expect(cacheDirectory(env, platform, "/home/ada")).toBe(expected);
  });

  test("serves its newest server that runs", async () => {
    await fakeServer(join(directory, "2.9.10", "nats-server"), "2.9.10");
    const expected = await fakeServer(join(directory, "2.14.5", "nats-server"), "2.14.5");
    await fakeServer(join(directory, "2.12.1", "nats-server"), "2.12.1");
    await mkdir(join(directory, "2.16.0"));
    expect(await findCached(directory, {})).toEqual({ path: expected, version: "2.14.5" });
  });

  test("takes a server of several processes at once and keeps nothing of their work", async () => {
    const obtain = (work: string) => fakeServer(join(work, "fetched"), "2.14.5");
    const all = await Promise.all([1, 2, 3, 4].map(() => addToCache(directory, {}, obtain)));
    for (const { path } of all) expect(path).toBe(join(directory, "2.14.5", "nats-server"));
    expect(await readdir(directory)).toEqual(["2.14.5"]);
  });

  test("takes no server that is too old", async () => {
    const obtain = (work: string) => fakeServer(join(work, "fetched"), "2.9.10");
    await expect(addToCache(directory, {}, obtain)).rejects.toThrow("too old");
    expect(await readdir(directory)).toEqual([]);
  });

  test("removes what a killed process left there", async () => {
    const abandoned = join(directory, ".obtain-abandoned");
    await mkdir(abandoned);
    await utimes(abandoned, 0, 0);
    const others = join(directory, ".obtain-at-work");
    await mkdir(others);
    await addToCache(directory, {}, (work) => fakeServer(join(work, "fetched"), "2.14.5"));
    expect(await readdir(directory)).toEqual([".obtain-at-work", "2.14.5"]);
  });
});

describe("the release", () => {
  test("is pinned with its checksum for Linux and Windows", () => {
    const linux = releaseFor("linux", "x64");
    expect(linux.name).toBe(`nats-server-v${PINNED_VERSION}-linux-amd64`);
    expect(linux.ending).toBe("tar.gz");
    expect(linux.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(releaseFor("win32", "x64")).toMatchObject({ ending: "zip", sha256: expect.any(String) });
    expect(releaseFor("darwin", "arm64").sha256).toBeNull();
  });

  test("does not exist for a system that is not built for", () => {
    expect(() => releaseFor("aix", "ppc")).toThrow("there is no release for aix on ppc");
  });

  test("finds a file's checksum in a list", () => {
    const sum = "a".repeat(64);
    const sums = `${"b".repeat(64)}  other.tar.gz\n${sum} *wanted.tar.gz\n`;
    expect(checksumIn(sums, "wanted.tar.gz")).toBe(sum);
    expect(checksumIn(sums, "missing.tar.gz")).toBeNull();
  });

  /** Serves an archive that holds a fake server, and its list of checksums. */
  async function serveRelease(): Promise<{ release: Release; sum: string; stop: () => void }> {
    const name = "nats-server-v2.14.5-test-fake";
    const source = join(directory, "source");
    await fakeServer(join(source, name, "nats-server"), "2.14.5");
    const archivePath = join(directory, "archive.tar.gz");
    execFileSync("tar", ["-czf", archivePath, "-C", source, name]);
    const archive = await readFile(archivePath);
    const sum = createHash("sha256").update(archive).digest("hex");
    const files = new Map([
      [`/${name}.tar.gz`, archive],
      ["/SHA256SUMS", Buffer.from(`${sum}  ${name}.tar.gz\n`)],
    ]);
    const http = createServer((request, response) => {
      const file = files.get(request.url ?? "");
      if (file === undefined) response.writeHead(404);
      response.end(file);
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    return { release: { url, name, ending: "tar.gz", sha256: sum }, sum, stop: () => http.close() };
  }

  const options = { env: { PATH: process.env["PATH"] }, connectTimeoutMs: 1_000 };

  test("is fetched, checked and unpacked", async () => {
    const { release, stop } = await serveRelease();
    const into = await mkdtemp(join(directory, "into-"));
    expect(await probe(await obtainRelease(into, release, options), {})).toBe("2.14.5");
    stop();
  });

  test("is checked against the release's own list where no checksum is pinned", async () => {
    const { release, stop } = await serveRelease();
    const into = await mkdtemp(join(directory, "into-"));
    const unpinned = { ...release, sha256: null };
    expect(await probe(await obtainRelease(into, unpinned, options), {})).toBe("2.14.5");
    stop();
  });

  test("is refused when its checksum differs, and not unpacked", async () => {
    const { release, sum, stop } = await serveRelease();
    const into = await mkdtemp(join(directory, "into-"));
    const wrong = { ...release, sha256: "0".repeat(64) };
    await expect(obtainRelease(into, wrong, options)).rejects.toThrow(`has the SHA-256 ${sum}`);
    expect(await readdir(into)).toEqual([]);
    stop();
  });

  test("is given up when no answer comes in time", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const release: Release = { url, name: "any", ending: "tar.gz", sha256: "0" };
    const fetching = obtainRelease(directory, release, { env: {}, connectTimeoutMs: 50 });
    await expect(fetching).rejects.toThrow("within 50 ms");
    silent.closeAllConnections();
    silent.close();
  });
});

describe("apt's sources", () => {
  test("are read from a list file", () => {
    const text = [
      "# deb http://commented.example/debian bookworm main",
      "deb http://mirror.example/debian bookworm main contrib # the archive",
      "deb-src http://mirror.example/debian bookworm main",
      "",
      "deb [arch=amd64 signed-by=/usr/share/keyrings/own.gpg] https://own.example/debian bookworm main",
      "deb [ trusted=yes ] http://mirror.example/debian trixie main",
    ].join("\n");
    const entries = parseListFile(text);
    expect(entries.map((entry) => entry.uris[0])).toEqual([
      "http://mirror.example/debian",
      "https://own.example/debian",
      "http://mirror.example/debian",
    ]);
    expect(entries[0]?.components).toEqual(["main", "contrib"]);
    expect(entries[1]?.signedBy).toBe("/usr/share/keyrings/own.gpg");
    expect(entries.map((entry) => entry.isTrusted)).toEqual([false, false, true]);
  });

  test("are read from a sources file", () => {
    const text = [
      "Types: deb",
      "# http://snapshot.example/archive",
      "URIs: http://mirror.example/debian",
      "Suites: bookworm bookworm-updates",
      "Components: main",
      "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
      "",
      "Types: deb",
      "Enabled: no",
      "URIs: http://off.example/debian",
      "Suites: bookworm",
      "Components: main",
      "",
      "Types: deb deb-src",
      "URIs: http://own.example/debian",
      "Suites: bookworm",
      "Components: main",
      "Signed-By:",
      " -----BEGIN PGP PUBLIC KEY BLOCK-----",
      " .",
      " abc",
      "",
    ].join("\n");
    const entries = parseSourcesFile(text);
    expect(entries).toHaveLength(2);
    expect(entries[0]).toEqual({
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm", "bookworm-updates"],
      components: ["main"],
      signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
      isTrusted: false,
    });
    expect(entries[1]?.signedBy).toBe("\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc");
  });

  const debian = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n';
  const foreign = parseListFile("deb https://node.example/node_20.x nodistro main");
  const own = parseListFile("deb http://mirror.example/debian bookworm main");

  test("give the archive of the distribution and not somebody else's", () => {
    const newer = newerSuitesFor(debian, [...foreign, ...own]);
    expect(newer.suites).toEqual(["forky", "sid"]);
    expect(newer.archive.uris).toEqual(["http://mirror.example/debian"]);
  });

  test("give the development suite of Ubuntu, in universe", () => {
    const ubuntu = "ID=ubuntu\nVERSION_CODENAME=noble\n";
    const entries = parseListFile(
      "deb http://archive.example/ubuntu noble main\ndeb http://archive.example/ubuntu noble universe",
    );
    const newer = newerSuitesFor(ubuntu, entries);
    expect([newer.suites, newer.component]).toEqual([["devel"], "universe"]);
    expect(newer.archive.components).toEqual(["universe"]);
  });

  test("give nothing on another system, or without an archive of the distribution", () => {
    expect(() => newerSuitesFor("ID=fedora\n", own)).toThrow("this system is fedora");
    expect(() => newerSuitesFor(debian, foreign)).toThrow("no archive with the suite bookworm");
  });

  test("are written again with another suite and the same keys", () => {
    const [entry] = parseSourcesFile(
      "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n KEY\n",
    );
    const text = renderSources(newerSuitesFor(debian, [entry!]), "forky");
    expect(parseSourcesFile(text)).toEqual([{ ...entry, suites: ["forky"] }]);
  });
});

describe("the configuration", () => {
  const written = (settings: Parameters<typeof renderConfig>[0]["settings"]) =>
    renderConfig({ directory: "/run/x", configFile: null, storeDir: "/data", settings });

  test("is what the settings say, and the store directory", () => {
    expect(written({ max_payload: 1024, jetstream: { sync_interval: "always" } })).toBe(
      '"max_payload": 1024\n"jetstream": {"sync_interval":"always"}\n"store_dir": "/data"\n',
    );
  });

  test("begins with the file that it replaces parts of", () => {
    const text = renderConfig({
      directory: "/run/x",
      configFile: "/etc/nats/server.conf",
      storeDir: "/data",
      settings: {},
    });
    expect(text).toBe('include "../../etc/nats/server.conf"\n"store_dir": "/data"\n');
  });
});
