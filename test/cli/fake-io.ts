import { onTestFinished } from "vitest";
import type { Door, Io, Sink } from "../../src/cli/io.ts";
import { run } from "../../src/cli/program.ts";
import { FloxideError } from "../../src/core/errors.ts";
import type { Backend } from "../../src/core/ports/backend.ts";
import type { JetStreamOptions } from "../../src/jetstream/options.ts";
import { MemoryWorld } from "../../src/memory/world.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { AnyWorkflow } from "../../src/workflows/index.ts";

/** What a command line wrote, and what it ended with. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

class TextSink implements Sink {
  text = "";
  readonly columns: number | null;
  readonly colors: boolean;

  constructor(columns: number | null, colors: boolean) {
    this.columns = columns;
    this.colors = colors;
  }

  write(text: string): void {
    this.text += text;
  }
}

export interface ShellOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Characters in a line; null: no terminal. @default null */
  readonly columns?: number | null;
  readonly colors?: boolean;
  readonly cwd?: string;
  /** Answers the API. @default no service runs */
  readonly ask?: Door["ask"];
}

/** A place to type commands at: stores in memory behind them, and no process. */
export class Shell {
  readonly world = new MemoryWorld();
  readonly #partitions = new Map<string, MemoryWorld>();
  /** Options of all connects so far. */
  readonly opened: JetStreamOptions[] = [];
  readonly #options: ShellOptions;

  constructor(options: ShellOptions = {}) {
    this.#options = options;
  }

  /** Runs a command line to its end. */
  async run(...args: readonly string[]): Promise<Ended> {
    const { env = {}, stdin, columns = null, colors = false, cwd = process.cwd() } = this.#options;
    const out = new TextSink(columns, colors);
    const err = new TextSink(columns, colors);
    const io: Io = {
      env,
      cwd,
      out,
      err,
      readStdin: async () => stdin ?? "",
      now: Date.now,
      open: async (options) => this.#open(options),
      stopAsked: async () => "SIGTERM",
    };
    const code = await run(args, io);
    return { code, out: out.text, err: err.text };
  }

  /** Runs a command line with `--json`, and reads what it wrote. */
  async json(...args: readonly string[]): Promise<unknown> {
    const { out, err } = await this.run(...args, "--json");
    return JSON.parse(out === "" ? err : out);
  }

  /** A worker on the same stores, until the test ends. */
  async work(...workflows: readonly AnyWorkflow[]): Promise<void> {
    await this.workIn(this.world, ...workflows);
  }

  /** A worker on the stores of a partition, until the test ends. */
  async workIn(world: MemoryWorld, ...workflows: readonly AnyWorkflow[]): Promise<void> {
    const worker = new Worker({ backend: world.open(), workflows }, { workerId: "w1" });
    await worker.start();
    onTestFinished(() => worker.stop({ graceMs: 0 }));
  }

  /** The stores of a partition: of those that its namespace names. */
  partition(namespace: string): MemoryWorld {
    const world = this.#partitions.get(namespace) ?? new MemoryWorld();
    this.#partitions.set(namespace, world);
    return world;
  }

  #worldOf(namespace = ""): MemoryWorld {
    return /-\d+$/.test(namespace) ? this.partition(namespace) : this.world;
  }

  #open(options: JetStreamOptions): Door {
    this.opened.push(options);
    if ([options.servers].flat().includes("nowhere:1")) {
      throw new FloxideError("backend", "connecting to NATS at nowhere:1: it cannot be reached");
    }
    const opened: Backend[] = [];
    return {
      backend: async (namespace = options.namespace) => {
        const backend = this.#worldOf(namespace).open();
        opened.push(backend);
        return backend;
      },
      ask: this.#options.ask ?? (async () => null),
      close: async () => {
        for (const backend of opened) await backend.close();
      },
    };
  }
}
