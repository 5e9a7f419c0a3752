import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FloxideError } from "../../core/errors.ts";
import { type Env, reasonOf } from "./command.ts";
import { renderConfig, type ServerSettings } from "./config.ts";
import { findNatsServer } from "./find.ts";
import { lastLines, type ServerProcess, startProcess } from "./process.ts";
import { waitUntilReady } from "./ready.ts";

/** How a server for development and tests is started. */
export interface StartNatsServerOptions {
  /** The environment: handed on to the server, and to the search for one when no `binary` is given. */
  readonly env: Env;
  /** Path of a nats-server. @default what {@link findNatsServer} finds */
  readonly binary?: string;
  /** Address to listen on; it replaces the configuration file's. @default "127.0.0.1" */
  readonly host?: string;
  /**
   * Port to listen on; it replaces the configuration file's. 0 or less: the server takes a free one
   * and keeps it over a restart. @default -1
   */
  readonly port?: number;
  /**
   * Where JetStream keeps its data; it replaces the configuration file's. A directory that is given
   * stays; the default one is removed at the end. @default a new temporary directory
   */
  readonly storeDir?: string;
  /** A configuration file of the server's. @default none */
  readonly configFile?: string;
  /** Settings that replace those of the configuration file, block by block. @default none */
  readonly settings?: ServerSettings;
  /** How long the server may take to be ready. A large store takes its time. @default 30_000 */
  readonly startTimeoutMs?: number;
  /** How long it may take to stop before it is killed. @default 10_000 */
  readonly stopTimeoutMs?: number;
  /** Gets one line about each way that was tried to find a server. @default nothing is written */
  readonly log?: (line: string) => void;
}

/** The options with nothing left open. */
interface Plan {
  readonly binary: string;
  readonly host: string;
  readonly storeDir: string;
  /** Holds the configuration, the log, the ports file and temporary data. Removed at the end. */
  readonly runDir: string;
  readonly env: Env;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

const PORT_TAKEN = /address already in use|Only one usage of each socket address/;
const RESTART_PATIENCE_MS = 10_000;

/**
 * A nats-server that is a child of this process and ends with it, whatever ends it. See
 * {@link startNatsServer}.
 */
export class NatsServer implements AsyncDisposable {
  /** For clients, for example `nats://127.0.0.1:4222`. The same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly #plan: Plan;
  #process: ServerProcess;
  #stopped: Promise<void> | null = null;

  /** Use {@link startNatsServer}. */
  constructor(plan: Plan, url: string, started: ServerProcess) {
    this.url = url;
    this.port = Number(new URL(url).port);
    this.#plan = plan;
    this.#process = started;
  }

  /** Another one after each restart. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Where JetStream keeps its data. */
  get storeDir(): string {
    return this.#plan.storeDir;
  }

  /** Stops the server in good order and removes its temporary directory. Once is enough. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#end("SIGTERM").then(() => removeRunDir(this.#plan));
    await this.#stopped;
  }

  /** Ends the server as a crash would: no warning, no last write. Its data stays for `restart`. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /**
   * Starts the server again on the same port and data; one that still runs is stopped first.
   *
   * @throws FloxideError `illegal_state` after `stop`, `backend` when it does not come up again.
   */
  async restart(): Promise<void> {
    if (this.#stopped !== null) {
      throw new FloxideError("illegal_state", `nats-server on port ${this.port} was stopped`);
    }
    await this.#end("SIGTERM");
    const deadline = Date.now() + RESTART_PATIENCE_MS;
    for (;;) {
      try {
        this.#process = (await launch(this.#plan, this.port)).started;
        return;
      } catch (error) {
        // A client that tries to reconnect to a free port of the ephemeral range can be given that
        // very port as its own, and holds it until it gives up.
        const isTaken = error instanceof FloxideError && error.details["isPortTaken"] === true;
        if (!isTaken || Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await end(this.#process, signal, this.#plan.stopTimeoutMs);
  }
}

/**
 * Starts a nats-server with JetStream for development and tests, and waits until it is ready. It
 * listens on this machine only, on a port of its own choice, and keeps its data in a temporary
 * directory, unless told otherwise.
 *
 * @throws FloxideError `backend` when there is no server to start or it does not come up: the message
 *   carries the last lines of its log, and says so when the port is taken.
 */
export async function startNatsServer(options: StartNatsServerOptions): Promise<NatsServer> {
  const plan = await planFor(options);
  try {
    const { url, started } = await launch(plan, options.port ?? -1);
    return new NatsServer(plan, url, started);
  } catch (error) {
    await removeRunDir(plan);
    throw error;
  }
}

async function planFor(options: StartNatsServerOptions): Promise<Plan> {
  const { env, settings = {}, configFile, storeDir } = options;
  const binary = options.binary ?? (await findNatsServer(options)).path;
  const runDir = await mkdtemp(join(tmpdir(), "floxide-nats-"));
  const plan: Plan = {
    binary,
    env,
    runDir,
    host: options.host ?? "127.0.0.1",
    storeDir: storeDir === undefined ? join(runDir, "data") : resolve(storeDir),
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
    stopTimeoutMs: options.stopTimeoutMs ?? 10_000,
  };
  const config = renderConfig({
    directory: runDir,
    configFile: configFile === undefined ? null : resolve(configFile),
    storeDir: plan.storeDir,
    settings,
  });
  await writeFile(join(runDir, "server.conf"), config);
  return plan;
}

async function launch(plan: Plan, port: number): Promise<{ url: string; started: ServerProcess }> {
  const { runDir, host, startTimeoutMs } = plan;
  const portsDir = join(runDir, "ports");
  const logFile = join(runDir, "server.log");
  // A killed server leaves its ports file behind.
  await rm(portsDir, { recursive: true, force: true });
  await mkdir(portsDir);
  const started = await startProcess({
    binary: plan.binary,
    args: [
      ...["-c", join(runDir, "server.conf"), "-js", "--ports_file_dir", portsDir],
      ...["-a", host, "-p", String(port > 0 ? port : -1)],
    ],
    env: plan.env,
    logFile,
    removeWithParent: runDir,
  });
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), startTimeoutMs);
  const died = started.exited.then((how) => {
    throw new Error(`ended with ${how}`);
  });
  try {
    const url = await Promise.race([waitUntilReady(portsDir, giveUp.signal), died]);
    return { url, started };
  } catch (error) {
    const isLate = giveUp.signal.aborted;
    await end(started, "SIGKILL", plan.stopTimeoutMs);
    const why = isLate ? `was not ready within ${startTimeoutMs} ms` : reasonOf(error);
    throw await startError(why, { host, port, logFile, cause: error });
  } finally {
    giveUp.abort();
    clearTimeout(timer);
  }
}

async function startError(
  why: string,
  where: { host: string; port: number; logFile: string; cause: unknown },
): Promise<FloxideError> {
  const { host, port, cause } = where;
  const lines = await lastLines(where.logFile, 12);
  const isPortTaken = lines.some((line) => PORT_TAKEN.test(line));
  const message = isPortTaken
    ? `nats-server did not start: port ${port} of ${host} is taken by another process`
    : `nats-server did not start: it ${why}`;
  const log = lines.length === 0 ? "It logged nothing." : `It logged:\n  ${lines.join("\n  ")}`;
  return new FloxideError("backend", `${message}. ${log}`, {
    details: { host, port, isPortTaken },
    cause,
  });
}

async function end(
  server: ServerProcess,
  signal: "SIGTERM" | "SIGKILL",
  timeoutMs: number,
): Promise<void> {
  server.signal(signal);
  const timer = setTimeout(() => server.signal("SIGKILL"), timeoutMs);
  await server.exited;
  clearTimeout(timer);
}

async function removeRunDir(plan: Plan): Promise<void> {
  await rm(plan.runDir, { recursive: true, force: true, maxRetries: 5 });
}
