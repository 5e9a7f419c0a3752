import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Env, probe } from "./command.ts";
import { compareVersions } from "./version.ts";

const FILE_NAME = process.platform === "win32" ? "nats-server.exe" : "nats-server";
const WORK_PREFIX = ".obtain-";
const WORK_MAX_AGE_MS = 3_600_000;

/** Where servers are kept, one directory a version: inside the user's own cache directory. */
export function cacheDirectory(env: Env, platform: NodeJS.Platform, home: string): string {
  return join(userCacheDirectory(env, platform, home), "floxide", "nats-server");
}

function userCacheDirectory(env: Env, platform: NodeJS.Platform, home: string): string {
  if (env["XDG_CACHE_HOME"]) return env["XDG_CACHE_HOME"];
  if (platform === "win32") return env["LOCALAPPDATA"] ?? join(home, "AppData", "Local");
  if (platform === "darwin") return join(home, "Library", "Caches");
  return join(home, ".cache");
}

/**
 * The newest server of the cache.
 *
 * @throws Error when there is none that runs and is new enough.
 */
export async function findCached(
  cache: string,
  env: Env,
): Promise<{ path: string; version: string }> {
  const entries = await readdir(cache).catch(() => []);
  const versions = entries.filter((name) => /^\d/.test(name)).sort(compareVersions);
  for (const name of versions.reverse()) {
    const path = join(cache, name, FILE_NAME);
    const version = await probe(path, env).catch(() => null);
    if (version !== null) return { path, version };
  }
  throw new Error(`none in ${cache}`);
}

/**
 * Lets `obtain` bring a server into a directory of its own, tries the server, and moves it into the
 * cache. The move is one rename, so processes that do this at the same time need no lock: each
 * puts a whole file there, and the last one stays.
 *
 * @param obtain gives the path of the file that it brought.
 */
export async function addToCache(
  cache: string,
  env: Env,
  obtain: (directory: string) => Promise<string>,
): Promise<{ path: string; version: string }> {
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  // Inside the cache: a rename does not cross file systems.
  const work = await mkdtemp(join(cache, WORK_PREFIX));
  try {
    const obtained = await obtain(work);
    await chmod(obtained, 0o755);
    const version = await probe(obtained, env);
    const path = join(cache, version, FILE_NAME);
    await mkdir(join(cache, version), { recursive: true });
    try {
      await rename(obtained, path);
    } catch (error) {
      // Windows does not replace a program that runs. Then the same version is already there.
      await probe(path, env).catch(() => {
        throw error;
      });
    }
    return { path, version };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What a process left that was killed while it obtained a server. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(WORK_PREFIX)) continue;
    const path = join(cache, name);
    const modified = await stat(path).catch(() => null);
    if (modified !== null && Date.now() - modified.mtimeMs > WORK_MAX_AGE_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}
