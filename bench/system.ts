import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { NatsServer } from "../src/jetstream/server/start.ts";
import { startNatsServer } from "../src/jetstream/server/start.ts";

/** A nats-server of the benchmark's own, file storage, fsync as the server does by default. */
export function startServer(): Promise<NatsServer> {
  return startNatsServer({ env: process.env, log: () => {} });
}

/** What a worker may be given beside the usual. */
export interface WorkerSettings {
  readonly namespace?: string;
  readonly signingKey?: string;
  readonly trustedKeys?: string;
}

/** A worker in its own process. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(servers: string, settings: WorkerSettings = {}): Promise<WorkerProcess> {
    const file = fileURLToPath(new URL("./worker-process.ts", import.meta.url));
    const child = fork(file, [servers, "100", JSON.stringify(settings)], {
      execArgv: ["--import", "tsx"],
    });
    await once(child, "message");
    return new WorkerProcess(child);
  }

  /** When nodes of the chain began since this was last asked, in milliseconds of the worker's clock. */
  async times(): Promise<{ readonly times: readonly number[]; readonly cpuMs: number }> {
    this.#child.send("times");
    const [answer] = (await once(this.#child, "message")) as [
      { times: number[]; cpu: { user: number; system: number } },
    ];
    return { times: answer.times, cpuMs: (answer.cpu.user + answer.cpu.system) / 1_000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.disconnect();
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}
