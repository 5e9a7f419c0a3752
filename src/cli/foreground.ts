import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { FloxideError } from "../core/errors.ts";
import { findNatsServer } from "../jetstream/server/find.ts";
import type { Cli } from "./cli.ts";
import { reasonOf } from "./read-json.ts";

/** What nats-server has a meaning for: stop, quit, reload, open the log again, lame duck. */
const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/**
 * Runs the nats-server that is found with a configuration file, as if it had been called itself: its words go where ours
 * go, signals are passed on.
 *
 * @returns its exit code; 128 and the number of the signal where one ended it
 * @throws FloxideError `backend` where no server is found, or it cannot be run
 */
export async function runInForeground(cli: Cli, config: string): Promise<number> {
  const { env, cwd } = cli.io;
  const log = cli.logger("warn");
  const { path } = await findNatsServer({ env, log: (line) => log.debug({}, line) });
  const server = spawn(path, ["-c", config], { env, cwd, stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals): void => {
    server.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, passOn);
  try {
    const [code, signal] = (await once(server, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (cause) {
    throw unusable(path, cause);
  } finally {
    for (const signal of SIGNALS) process.off(signal, passOn);
  }
}

function unusable(path: string, cause: unknown): FloxideError {
  const message = `${path} cannot be run: ${reasonOf(cause)}`;
  return new FloxideError("backend", message, { details: { path }, cause });
}
