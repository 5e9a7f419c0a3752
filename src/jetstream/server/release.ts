import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Env, runCommand } from "./command.ts";

/** The release that is fetched when the machine has no server that is new enough. */
export const PINNED_VERSION = "2.14.5";

const RELEASES = "https://github.com/nats-io/nats-server/releases/download";

/**
 * SHA-256 of the archives of {@link PINNED_VERSION}, as the official container recipes pin them
 * (github.com/nats-io/nats-docker, `2.14.x/`). Those recipes build for Linux and Windows only. For
 * other systems the release's own `SHA256SUMS` is fetched beside the archive: that detects a
 * damaged archive, but not one that was replaced together with the list.
 */
const PINNED_SHA256: Readonly<Record<string, string>> = {
  "linux-amd64": "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355",
  "linux-arm64": "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c",
  "linux-arm6": "e0c6a5ce708c7a57cae5008805397046f6502c627cdc00bfff33af0929d07d50",
  "linux-386": "7eb520d5080d2c4b2e9ad0866aa301f7c7af35058bfae61c1ba0cef472d21d47",
  "linux-s390x": "829193e8c592e0df5f15402c27417df18d26503d22b77dfc9491982fe0b51a67",
  "linux-ppc64le": "5d8f1a264a3bc4b30899814ae8e898b1268e817074635adddd24b32f388e4cc4",
  "linux-loong64": "e0c584e45453c5a5ed387f14a96eaa8cb84cb110f0ff9031699087b23e3b2c2d",
  "windows-amd64": "f66f840a211ab665083b88e9b7edbcf6296cda143be47e53e6f6bb8520692bbb",
};

const SYSTEMS: Readonly<Record<string, string>> = {
  linux: "linux",
  darwin: "darwin",
  freebsd: "freebsd",
  win32: "windows",
};

/** `arm` is built for version 6, which runs on 7 too. */
const PROCESSORS: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm6",
  ia32: "386",
  s390x: "s390x",
  ppc64: "ppc64le",
  loong64: "loong64",
  riscv64: "riscv64",
};

/** Where an archive lies and what it must hash to. Tests put their own in place. */
export interface Release {
  /** Directory of the archive and of `SHA256SUMS`, without a slash at the end. */
  readonly url: string;
  /** File name without its ending; also the directory inside the archive. */
  readonly name: string;
  readonly ending: "tar.gz" | "zip";
  /** Hexadecimal. `null` = look it up in the release's `SHA256SUMS`. */
  readonly sha256: string | null;
}

/**
 * The official release for a system, in Node's names of systems and processors.
 *
 * @throws Error when there is no release for it.
 */
export function releaseFor(platform: string, arch: string): Release {
  const [system, processor] = [SYSTEMS[platform], PROCESSORS[arch]];
  if (system === undefined || processor === undefined) {
    throw new Error(`there is no release for ${platform} on ${arch}`);
  }
  return {
    url: `${RELEASES}/v${PINNED_VERSION}`,
    name: `nats-server-v${PINNED_VERSION}-${system}-${processor}`,
    ending: system === "windows" ? "zip" : "tar.gz",
    sha256: PINNED_SHA256[`${system}-${processor}`] ?? null,
  };
}

/** The checksum of one file in the text of a `SHA256SUMS`, or null. */
export function checksumIn(sums: string, file: string): string | null {
  for (const line of sums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  return null;
}

/**
 * Fetches a release into a directory, checks it and unpacks it.
 *
 * @param connectTimeoutMs from the request to the first byte of the answer: without a network this
 *   way must fail fast, because others come after it.
 * @returns the path of the server.
 * @throws Error when there is no answer in time or the checksum differs.
 */
export async function obtainRelease(
  directory: string,
  release: Release,
  options: { readonly env: Env; readonly connectTimeoutMs: number },
): Promise<string> {
  const file = `${release.name}.${release.ending}`;
  const archive = await download(`${release.url}/${file}`, options.connectTimeoutMs);
  const wanted = release.sha256 ?? (await publishedChecksum(release, file, options));
  const actual = createHash("sha256").update(archive).digest("hex");
  if (actual !== wanted) {
    throw new Error(`${release.url}/${file} has the SHA-256 ${actual}, expected ${wanted}`);
  }
  const path = join(directory, file);
  await writeFile(path, archive);
  // bsdtar, which is the tar of Windows and macOS, unpacks zip as well.
  await runCommand("tar", ["-xf", path, "-C", directory], { env: options.env, timeoutMs: 60_000 });
  return join(
    directory,
    release.name,
    release.ending === "zip" ? "nats-server.exe" : "nats-server",
  );
}

async function publishedChecksum(
  release: Release,
  file: string,
  options: { readonly connectTimeoutMs: number },
): Promise<string> {
  const sums = await download(`${release.url}/SHA256SUMS`, options.connectTimeoutMs);
  const sum = checksumIn(sums.toString("utf8"), file);
  if (sum === null) throw new Error(`${release.url}/SHA256SUMS does not list ${file}`);
  return sum;
}

async function download(url: string, connectTimeoutMs: number): Promise<Buffer> {
  const abort = new AbortController();
  const tooLate = (ms: number, what: string) =>
    setTimeout(() => abort.abort(new Error(`${what} from ${url} within ${ms} ms`)), ms);
  const connecting = tooLate(connectTimeoutMs, "no answer");
  let receiving: NodeJS.Timeout | undefined;
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(connecting);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    receiving = tooLate(120_000, "not all came");
    return Buffer.from(await response.arrayBuffer());
  } finally {
    clearTimeout(connecting);
    clearTimeout(receiving);
  }
}
