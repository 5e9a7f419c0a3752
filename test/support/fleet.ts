import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Execution } from "./fault-flows.ts";

export interface FleetOptions {
  readonly servers: string;
  /** Nodes that one worker executes at once. @default 4 */
  readonly concurrency?: number;
  /** Milliseconds that a node takes on average. @default 5 */
  readonly paceMs?: number;
  /** Milliseconds that a worker lets its nodes finish when it is stopped. @default 500 */
  readonly graceMs?: number;
}

/** One worker process. */
export class Member {
  readonly workerId: string;
  /** Resolves when the process is gone, however. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  isGone = false;

  constructor(workerId: string, child: ChildProcess) {
    this.workerId = workerId;
    this.#child = child;
    this.gone = new Promise((resolve) => {
      child.once("exit", () => {
        this.isGone = true;
        resolve();
      });
    });
  }

  /** No warning, no last word. */
  kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    return this.gone;
  }

  /** In good order, as a rolling update does it. */
  stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    return this.gone;
  }

  /** Stands still, its connection open. */
  suspend(): void {
    this.#child.kill("SIGSTOP");
  }

  awake(): void {
    this.#child.kill("SIGCONT");
  }
}

const PROGRAM = fileURLToPath(new URL("./worker-process.ts", import.meta.url));

/** Worker processes of one test. All are gone at its end. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #directory: string;
  readonly #members: Member[] = [];
  #count = 0;

  private constructor(options: FleetOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  /** Starts so many workers and waits until they work. */
  static async start(workers: number, options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options, await mkdtemp(join(tmpdir(), "floxide-fleet-")));
    await Promise.all(Array.from({ length: workers }, () => fleet.add()));
    return fleet;
  }

  /** Those that are not gone. */
  get members(): readonly Member[] {
    return this.#members.filter(({ isGone }) => !isGone);
  }

  /** Starts one more and waits until it works, or is gone. */
  async add(): Promise<Member> {
    this.#count += 1;
    const workerId = `w${this.#count}`;
    const { servers, concurrency = 4, paceMs = 5, graceMs = 500 } = this.#options;
    const options = {
      servers,
      worker: workerId,
      journal: join(this.#directory, `${workerId}.jsonl`),
      concurrency,
      pace: paceMs,
      grace: graceMs,
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, ["--import", "tsx", PROGRAM, ...args], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const member = new Member(workerId, child);
    this.#members.push(member);
    await Promise.race([new Promise((resolve) => child.once("message", resolve)), member.gone]);
    return member;
  }

  /** One of those that live, by chance. */
  any(): Member {
    const alive = this.members;
    const member = alive[Math.floor(Math.random() * alive.length)];
    if (member === undefined) throw new Error("no worker is left");
    return member;
  }

  /** Every execution that began, in the order in which each worker began them. */
  async executions(): Promise<Execution[]> {
    const files = await readdir(this.#directory);
    const texts = await Promise.all(
      files.map((file) => readFile(join(this.#directory, file), "utf8")),
    );
    return texts.flatMap((text) =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Execution),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
