import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { freePort } from "../../test/support/free-port.ts";
import { cpuMsOf } from "../proc.ts";

// Ends the server and removes its directory when this process is gone, however it went, or closes the pipe.
const GUARDED = `
  dir=$1
  shift
  (
    read -r _ <&3
    kill -TERM $$
    while kill -0 $$; do sleep 0.05; done
    rm -rf -- "$dir"
  ) < /dev/null > /dev/null 2>&1 &
  exec redis-server "$@" 3<&-
`;

/** A redis-server of the benchmark's own: a free port, a temporary directory, an append-only file. */
export class Redis implements AsyncDisposable {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, port: number, directory: string) {
    this.#process = child;
    this.port = port;
    this.#directory = directory;
  }

  /** What `redis-server --version` says, or null where there is none on the PATH. */
  static version(): string | null {
    try {
      const said = execFileSync("redis-server", ["--version"], { encoding: "utf8" });
      return /v=(\S+)/.exec(said)?.[1] ?? said.trim();
    } catch {
      return null;
    }
  }

  /** @param appendfsync - when what was written is forced onto the disk: Redis recommends `everysec` */
  static async start(appendfsync: "everysec" | "always"): Promise<Redis> {
    const port = await freePort();
    const directory = await mkdtemp(join(tmpdir(), "floxide-redis-"));
    const settings = {
      ...{ port, bind: "127.0.0.1", dir: directory, save: "", daemonize: "no" },
      ...{ appendonly: "yes", appendfsync, "maxmemory-policy": "noeviction" },
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn("sh", ["-c", GUARDED, "sh", directory, ...args], {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    const redis = new Redis(child, port, directory);
    try {
      await eventually(() => redis.#answers());
      return redis;
    } catch (error) {
      await redis[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** CPU that it has used, in milliseconds. Null where it cannot be known. */
  cpuMs(): number | null {
    return cpuMsOf(this.#process.pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, stdio } = this.#process;
    const ended = exitCode === null && signalCode === null ? once(this.#process, "exit") : null;
    stdio[3]?.destroy();
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    const socket = connect(this.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.write("PING\r\n");
      const [answer] = await once(socket, "data");
      if (!String(answer).startsWith("+PONG")) throw new Error(`redis-server says ${answer}`);
    } finally {
      socket.destroy();
    }
  }
}
