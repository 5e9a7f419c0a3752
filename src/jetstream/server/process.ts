/**
 * One process of a nats-server, and the certainty that it ends when its parent does.
 *
 * 1. The pid of the child is the pid of the server: the shell that starts it becomes it (`exec`).
 * 2. A watchdog, started before the server, holds the reading end of a pipe whose only writing end
 *    is in this process. The system closes that end however this process dies, SIGKILL included; then
 *    the watchdog ends the server and removes the temporary directory.
 * 3. A line in the pipe releases the watchdog. It is written after the server has exited, so that the
 *    watchdog never signals a pid that by then belongs to somebody else.
 * 4. The server is in a session of its own: Ctrl-C reaches the parent only, which stops the server
 *    when it is done with it.
 *
 * Windows has no shell to do this with. There the server is killed when this process exits, and
 * outlives it when this process is terminated from outside.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { Env } from "./command.ts";

/** $1 is the directory to remove; the rest is the server's command line. */
const WITH_WATCHDOG = `
remove=$1
shift
(
  read -r released <&3 && exit 0
  kill -TERM $$
  waited=0
  while [ $waited -lt 50 ] && kill -0 $$; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL $$
  rm -rf -- "$remove"
) < /dev/null > /dev/null 2>&1 &
exec "$@" 3<&-
`;

/** A server process that was started; it may have ended since. */
export interface ServerProcess {
  readonly pid: number;
  /** Settles when the process has ended, with how it ended: `exit code 1`, `signal SIGKILL`. */
  readonly exited: Promise<string>;
  /** Sends a signal; does nothing when the process has ended. */
  readonly signal: (name: "SIGTERM" | "SIGKILL") => void;
}

/**
 * Starts a server.
 *
 * @throws Error when the program cannot be started at all. A server that ends by itself a moment
 *   later is seen in `exited`, and its last words in the log file.
 */
export async function startProcess(command: {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Env;
  /** Gets what the server writes, in place of what an earlier one wrote. */
  readonly logFile: string;
  /** Directory that is removed when the parent dies without having stopped the server. */
  readonly removeWithParent: string;
}): Promise<ServerProcess> {
  const { binary, args, env, logFile, removeWithParent } = command;
  const log = await open(logFile, "w");
  try {
    const isWindows = process.platform === "win32";
    const [file, fileArgs] = isWindows
      ? [binary, args]
      : ["/bin/sh", ["-c", WITH_WATCHDOG, "nats-server", removeWithParent, binary, ...args]];
    const child = spawn(file, [...fileArgs], {
      env,
      // A file and not a pipe: a server must not stand still because its parent is busy.
      stdio: ["ignore", log.fd, log.fd, isWindows ? "ignore" : "pipe"],
      detached: !isWindows,
      windowsHide: true,
    });
    const exited = once(child, "exit").then(([code, signal]) =>
      signal === null ? `exit code ${code}` : `signal ${signal}`,
    );
    // Nobody need be waiting when a server that could not be spawned reports it.
    exited.catch(() => undefined);
    const { pid } = child;
    if (pid === undefined) {
      await exited;
      throw new Error(`${binary} could not be started`);
    }
    if (isWindows) killOnExit(child, exited);
    else releaseAfter(child, exited);
    return { pid, exited, signal: (name) => child.kill(name) };
  } finally {
    await log.close();
  }
}

function releaseAfter(child: ChildProcess, exited: Promise<unknown>): void {
  const watchdog = child.stdio[3] as Writable;
  // It may have been killed along with the server; there is nobody left to tell then.
  watchdog.on("error", () => undefined);
  void exited.then(() => watchdog.end("\n", () => watchdog.destroy()));
}

function killOnExit(child: ChildProcess, exited: Promise<unknown>): void {
  const kill = () => child.kill();
  process.once("exit", kill);
  void exited.then(() => process.removeListener("exit", kill));
}

/** The last lines that a server wrote, without the banner's empty ones. */
export async function lastLines(logFile: string, count: number): Promise<string[]> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-count);
}
