import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { isNewEnough, MIN_VERSION, parseVersion } from "./version.ts";

/** Environment variables, handed in by the caller: this layer never reads the process's own. */
export type Env = Readonly<Record<string, string | undefined>>;

const run = promisify(execFile);

/**
 * Runs a program to its end and gives its standard output.
 *
 * @throws Error with one line that says which program, and what it complained of.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: { readonly env: Env; readonly timeoutMs: number; readonly cwd?: string },
): Promise<string> {
  const { env, timeoutMs, cwd } = options;
  try {
    const settings = {
      env,
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: 1 << 24,
    } as const;
    const { stdout } = await run(file, args, cwd === undefined ? settings : { ...settings, cwd });
    return stdout;
  } catch (error) {
    const { stderr, code, killed } = error as { stderr?: string; code?: unknown; killed?: boolean };
    const why = killed ? `took longer than ${timeoutMs} ms` : complaintIn(stderr ?? "");
    throw new Error(`${file}: ${why ?? `ended with ${code}`}`, { cause: error });
  }
}

/** The line that says most: the first of apt's errors, of other programs the last line. */
function complaintIn(stderr: string): string | undefined {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => line.startsWith("E: ")) ?? lines.at(-1);
}

/** All executable files of this name: first those on PATH, then where Debian puts servers. */
export async function executablesNamed(name: string, env: Env): Promise<string[]> {
  const isWindows = process.platform === "win32";
  const onPath = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter((dir) => dir !== "");
  const directories = isWindows ? onPath : [...onPath, "/usr/local/sbin", "/usr/sbin"];
  const found: string[] = [];
  for (const directory of new Set(directories)) {
    const path = join(directory, isWindows ? `${name}.exe` : name);
    if (await isExecutable(path)) found.push(path);
  }
  return found;
}

/**
 * Asks a nats-server for its version.
 *
 * @throws Error when it cannot be run, is no nats-server, or is older than {@link MIN_VERSION}.
 */
export async function probe(path: string, env: Env): Promise<string> {
  const output = await runCommand(path, ["--version"], { env, timeoutMs: 10_000 });
  const version = parseVersion(output);
  if (version === null) throw new Error(`${path} does not say which version of nats-server it is`);
  if (!isNewEnough(version)) {
    throw new Error(`${path} is ${version}, too old: ${MIN_VERSION} or newer is needed`);
  }
  return version;
}

/** The innermost cause of an error in one line: `fetch failed` says little, its cause says what. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isVague = error.message === "" || error.message === "fetch failed";
  if (isVague && error.cause !== undefined) return reasonOf(error.cause);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.message.split("\n", 1).join("");
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
