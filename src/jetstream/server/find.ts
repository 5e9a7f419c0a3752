import { homedir } from "node:os";
import { join } from "node:path";
import { obtainFromSuite, readNewerSuites } from "./apt.ts";
import { addToCache, cacheDirectory, findCached } from "./cache.ts";
import { type Env, executablesNamed, probe, reasonOf, runCommand } from "./command.ts";
import { obtainRelease, PINNED_VERSION, releaseFor } from "./release.ts";
import { firstThatWorks, type ServerBinary, type ServerSource, type Way } from "./ways.ts";

/** What {@link findNatsServer} needs to know. */
export interface FindNatsServerOptions {
  /** Read: `FLOXIDE_NATS_SERVER`, `PATH`, `HOME`, `XDG_CACHE_HOME`; handed on to what is run. */
  readonly env: Env;
  /** Gets one line about each way that was tried. @default nothing is written */
  readonly log?: (line: string) => void;
}

/** Without a network each server would cost this long; with a slow one, more would not help. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Finds a nats-server that is new enough, or obtains one into the user's cache. In this order:
 * the variable `FLOXIDE_NATS_SERVER`, `PATH`, the cache, the official release, `go install`, the
 * package of a newer suite of Debian or Ubuntu. Nothing is installed outside the cache.
 *
 * When the variable is set, it is that server or none: a typing error must not start another one.
 *
 * @throws FloxideError `backend` when no way leads to one; the message says why, way by way.
 */
export async function findNatsServer(options: FindNatsServerOptions): Promise<ServerBinary> {
  return await firstThatWorks(waysOf(options.env), options.log ?? (() => undefined));
}

/** All ways, in order. */
export function waysOf(env: Env): Way[] {
  const home = env["HOME"] ?? homedir();
  const cache = cacheDirectory(env, process.platform, home);
  const isDemanded = Boolean(env["FLOXIDE_NATS_SERVER"]);
  const way = (source: ServerSource, find: Way["find"]): Way => ({
    source,
    isDemanded: isDemanded && source === "environment",
    find,
  });
  return [
    way("environment", () => fromEnvironment(env)),
    way("path", () => fromPath(env)),
    way("cache", () => findCached(cache, env)),
    way("release", () =>
      addToCache(cache, env, (directory) =>
        obtainRelease(directory, releaseFor(process.platform, process.arch), {
          env,
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
        }),
      ),
    ),
    way("go", () => fromGo(cache, env)),
    way("apt", () => fromApt(cache, env)),
  ];
}

async function fromEnvironment(env: Env): ReturnType<Way["find"]> {
  const path = env["FLOXIDE_NATS_SERVER"];
  if (!path) throw new Error("FLOXIDE_NATS_SERVER is not set");
  return { path, version: await probe(path, env) };
}

async function fromPath(env: Env): ReturnType<Way["find"]> {
  const reasons: string[] = [];
  for (const path of await executablesNamed("nats-server", env)) {
    try {
      return { path, version: await probe(path, env) };
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  }
  throw new Error(reasons.length === 0 ? "there is no nats-server on PATH" : reasons.join("; "));
}

async function fromGo(cache: string, env: Env): ReturnType<Way["find"]> {
  const [go] = await executablesNamed("go", env);
  if (go === undefined) throw new Error("there is no go on PATH");
  return await addToCache(cache, env, async (directory) => {
    // Go checks what it fetches against its public checksum database.
    const module = `github.com/nats-io/nats-server/v2@v${PINNED_VERSION}`;
    const goEnv = { ...env, GOBIN: directory };
    await runCommand(go, ["install", module], { env: goEnv, timeoutMs: 600_000 });
    return join(directory, process.platform === "win32" ? "nats-server.exe" : "nats-server");
  });
}

async function fromApt(cache: string, env: Env): ReturnType<Way["find"]> {
  const newer = await readNewerSuites("/etc", env);
  const reasons: string[] = [];
  for (const suite of newer.suites) {
    try {
      return await addToCache(cache, env, (directory) =>
        obtainFromSuite(directory, newer, suite, env),
      );
    } catch (error) {
      reasons.push(`${suite}: ${reasonOf(error)}`);
    }
  }
  throw new Error(reasons.join("; "));
}
