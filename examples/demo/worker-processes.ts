import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WorkerTask } from "./worker-process.ts";

const FILE = fileURLToPath(new URL("./worker-process.ts", import.meta.url));

/** A worker in a process of its own, as the demo sees it. */
export class WorkerProcess {
  readonly workerId: string;
  readonly ledger: string;
  readonly #child: ChildProcess;

  private constructor(task: WorkerTask, child: ChildProcess) {
    this.workerId = task.workerId;
    this.ledger = task.ledger;
    this.#child = child;
  }

  /**
   * Starts the process. Resolves when the worker takes work.
   *
   * @param complain - gets each line that it writes to its standard error
   */
  static async start(task: WorkerTask, complain: (line: string) => void): Promise<WorkerProcess> {
    const child = fork(FILE, [JSON.stringify(task)], {
      execArgv: ["--import", "tsx"],
      // In a process group of its own: Ctrl-C reaches the demo only, which then ends its workers.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    if (child.stderr !== null) createInterface(child.stderr).on("line", complain);
    const process = new WorkerProcess(task, child);
    const died = once(child, "exit").then(([code, signal]) => {
      throw new Error(`${task.workerId} ended before it began: ${signal ?? code}`);
    });
    // It will end some day, and nobody waits for that then.
    died.catch(() => {});
    await Promise.race([once(child, "message"), died]);
    return process;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it at once, with no warning. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** Lets it finish what it has in hand. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    this.#child.send("stop");
    await exited;
    clearTimeout(timer);
  }
}
