import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type NatsServer, startNatsServer } from "../../src/jetstream/server/start.ts";
import { Disk } from "./disk.ts";

/** Settings in the server's own spelling. */
type Settings = Readonly<Record<string, unknown>>;

export interface NodeOptions {
  readonly name: string;
  /** Where its configuration, its log and, without a disk of its own, its data go. */
  readonly directory: string;
  readonly settings: Settings;
  /** Megabytes of a disk of its own; 0 for none. */
  readonly diskMegabytes: number;
}

/** One nats-server whose configuration can be changed from one start to the next. */
export class ServerNode implements AsyncDisposable {
  readonly name: string;
  readonly disk: Disk | null;
  readonly #configFile: string;
  readonly #settings: Settings;
  readonly #server: NatsServer;
  #isDown = false;

  private constructor(
    options: NodeOptions,
    configFile: string,
    disk: Disk | null,
    server: NatsServer,
  ) {
    this.name = options.name;
    this.#settings = options.settings;
    this.#configFile = configFile;
    this.disk = disk;
    this.#server = server;
  }

  static async start(options: NodeOptions): Promise<ServerNode> {
    const { name, directory, diskMegabytes } = options;
    const base = join(directory, name);
    await mkdir(base, { recursive: true });
    const disk = diskMegabytes === 0 ? null : await Disk.mount(join(base, "disk"), diskMegabytes);
    const configFile = join(base, "node.conf");
    const settings = { ...options.settings, log_file: join(directory, `${name}.log`) };
    try {
      await writeSettings(configFile, settings);
      const storeDir = disk?.storeDir ?? join(base, "store");
      const server = await startNatsServer({ env: process.env, configFile, storeDir });
      return new ServerNode({ ...options, settings }, configFile, disk, server);
    } catch (error) {
      await disk?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return this.#server.url;
  }

  get pid(): number {
    return this.#server.pid;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** As a crash does it. */
  async kill(): Promise<void> {
    this.#isDown = true;
    await this.#server.kill();
  }

  /** Starts it again; one that still runs is stopped in good order first. @param changes - of its settings */
  async restart(changes: Settings = {}): Promise<void> {
    await writeSettings(this.#configFile, { ...this.#settings, ...changes });
    await this.#server.restart();
    this.#isDown = false;
  }

  /** Stands still, its connections open. */
  freeze(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await this.disk?.[Symbol.asyncDispose]();
  }
}

/** The server's language reads JSON. */
async function writeSettings(file: string, settings: Settings): Promise<void> {
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  await writeFile(file, `${lines.join("\n")}\n`);
}
