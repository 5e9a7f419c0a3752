import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { JetStreamOptions, WorkerOptions } from "#floxide";
import { childOptions } from "./child.ts";
import type { Served } from "./workflows.ts";

/** How a worker process works: what can be said as JSON of a worker's options. */
export interface WorkerSettings
  extends WorkerOptions,
    Omit<
      JetStreamOptions,
      "servers" | "connection" | "connectionOptions" | "logger" | "partitions"
    > {
  /** Names of the workflows that it works for. @default those of A to D */
  readonly serves?: readonly Served[];
  /** How many partitions the system has; it works for all of them. @default none */
  readonly partitions?: number;
  /** True for the worker in which the node of the workflow `blocking` blocks, once. @default false */
  readonly blocks?: boolean;
}

/** What a worker process says of itself. */
export interface WorkerReport {
  /** When nodes that note it began, since this was last asked: milliseconds of a clock that all processes share. */
  readonly begun: readonly number[];
  /** What nodes have noted since this was last asked. */
  readonly noted: readonly number[];
  /** CPU since the process began, in milliseconds. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The most memory that it ever had resident. */
  readonly peakRssBytes: number;
  /** Messages that it logged as a warning or an error since this was last asked. */
  readonly logged: readonly string[];
}

/** A worker in its own process: of floxide, or of what it is measured beside. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** One of floxide. Its concurrency is 100 unless given. */
  static start(servers: readonly string[], settings: WorkerSettings = {}): Promise<WorkerProcess> {
    const file = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
    return WorkerProcess.run(file, { concurrency: 100, ...settings, servers });
  }

  /** @param file - a module that says `ready`, and answers `report` with a {@link WorkerReport} */
  static async run(file: string, settings: object): Promise<WorkerProcess> {
    const child = fork(file, [JSON.stringify(settings)], childOptions);
    const worker = new WorkerProcess(child);
    await worker.#heard("ready");
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async report(): Promise<WorkerReport> {
    const heard = this.#heard("report");
    this.#child.send("report");
    return (await heard) as WorkerReport;
  }

  /** CPU that it takes meanwhile, in milliseconds: unlike the time, it hardly depends on what else the machine does. */
  async cpuMsOf(work: () => Promise<unknown>): Promise<number> {
    const before = await this.report();
    await work();
    const after = await this.report();
    return after.cpuMs - before.cpuMs;
  }

  /** Until its node begins to block. */
  async blocked(): Promise<void> {
    await this.#heard("blocked");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, "exit");
    }
  }

  /** Waits for a message of that kind. @throws Error when the process ends first */
  async #heard(kind: string): Promise<unknown> {
    const over = new AbortController();
    try {
      return await Promise.race([this.#message(kind, over.signal), this.#end(over.signal)]);
    } finally {
      over.abort();
    }
  }

  #message(kind: string, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve) => {
      const listen = (message: unknown): void => {
        const said = message as { readonly kind: string; readonly value: unknown };
        if (said.kind === kind) resolve(said.value);
      };
      this.#child.on("message", listen);
      signal.addEventListener("abort", () => this.#child.off("message", listen));
    });
  }

  async #end(signal: AbortSignal): Promise<never> {
    const [code, by] = await once(this.#child, "exit", { signal });
    throw new Error(`a worker process ended with ${code ?? by}: what it said is above`);
  }
}
