import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { JetStreamOptions } from "../../src/index.ts";
import type { Execution } from "../../test/support/fault-flows.ts";
import type { Line } from "./line.ts";

type Role = "worker" | "service";

/** How every process of a crew works. */
interface Ways {
  readonly concurrency: number;
  /** Milliseconds that a node takes on average. */
  readonly paceMs: number;
  readonly graceMs: number;
  readonly repairEveryMs: number;
  readonly logLevel: "debug" | "warn";
}

/** What a process of the crew is told on its command line. */
export interface MemberSettings extends Ways {
  readonly role: Role;
  readonly id: string;
  readonly journal: string;
  readonly log: string;
  readonly jetstream: JetStreamOptions;
}

/** What it is asked while it runs. */
export type Question =
  | { readonly type: "clock"; readonly offsetMs: number }
  | { readonly type: "memory" };

/** What a process says of its memory, right after a garbage collection. */
export interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
}

/** How long a process may take to work, in milliseconds, with all that try before it. */
const ADD_MS = 120_000;
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const PROGRAM = fileURLToPath(new URL("./member-process.ts", import.meta.url));

/** One process: a worker or an orchestrator service. */
export class Member {
  readonly role: Role;
  readonly id: string;
  /** Its own way to the servers. */
  readonly line: Line;
  /** Resolves when the process is gone, however. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #isGone = false;
  #isReady = false;
  #isExpected = false;

  constructor(role: Role, id: string, line: Line, child: ChildProcess) {
    this.role = role;
    this.id = id;
    this.line = line;
    this.#child = child;
    this.gone = new Promise((resolve) => {
      child.once("exit", () => {
        this.#isGone = true;
        resolve();
      });
    });
    child.on("message", (message: { type: string }) => {
      if (message.type === "ready") this.#isReady = true;
    });
    // A question to a process that has just died.
    child.on("error", () => {});
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isReady(): boolean {
    return this.#isReady && !this.#isGone;
  }

  /** True for a process that worked and then ended, although nobody had told it to. */
  get hasCrashed(): boolean {
    return this.#isGone && this.#isReady && !this.#isExpected;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** No warning, no last word. */
  async kill(): Promise<void> {
    this.#isExpected = true;
    this.#child.kill("SIGKILL");
    await this.gone;
  }

  /** In good order, as a rolling update does it; killed where that takes longer than so many milliseconds. */
  async stop(patienceMs = 20_000): Promise<"stopped" | "killed"> {
    this.#isExpected = true;
    this.#child.kill("SIGTERM");
    const late = new AbortController();
    const how = await Promise.race([
      this.gone.then(() => "stopped" as const),
      pause(patienceMs, "killed" as const, { signal: late.signal }).catch(() => "stopped" as const),
    ]);
    late.abort();
    if (how === "killed") await this.kill();
    return how;
  }

  /** Stands still, its connections open. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Sets its clock so many milliseconds ahead. */
  shiftClock(offsetMs: number): void {
    this.#ask({ type: "clock", offsetMs });
  }

  /** What it uses, after a garbage collection; null where it does not answer. */
  async memory(): Promise<Memory | null> {
    if (!this.isReady) return null;
    const giveUp = AbortSignal.timeout(5_000);
    const answer = once(this.#child, "message", { signal: giveUp });
    this.#ask({ type: "memory" });
    try {
      return ((await answer) as [Memory])[0];
    } catch {
      return null;
    }
  }

  /** Waits until it works. @returns false where it ended before */
  async ready(): Promise<boolean> {
    while (!this.#isReady && !this.#isGone) {
      await Promise.race([once(this.#child, "message"), this.gone]);
    }
    return this.isReady;
  }

  #ask(question: Question): void {
    if (this.#child.connected) this.#child.send(question, () => {});
  }
}

export interface CrewOptions extends Ways {
  /** Where journals and logs go. */
  readonly directory: string;
  /** What goes for every process; the servers come from its line. */
  readonly jetstream: Omit<JetStreamOptions, "servers">;
  /** Way to the servers of a new process. */
  readonly line: () => Promise<Line>;
}

/** Workers and services. All are gone at the end. */
export class Crew implements AsyncDisposable {
  readonly #options: CrewOptions;
  readonly #members: Member[] = [];
  #count = 0;
  #isOver = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Those that work now. */
  working(role: Role): readonly Member[] {
    return this.#members.filter((member) => member.role === role && member.isReady);
  }

  /** Processes that ended by themselves. */
  crashed(): readonly string[] {
    return this.#members.filter(({ hasCrashed }) => hasCrashed).map(({ id }) => id);
  }

  /**
   * Starts one more, again and again until it works: while the servers are away a process ends at once.
   *
   * @throws Error where none works after two minutes
   */
  async add(role: Role): Promise<Member> {
    const deadline = performance.now() + ADD_MS;
    for (;;) {
      const member = await this.#spawn(role);
      if (await member.ready()) return member;
      if (this.#isOver) return member;
      if (performance.now() > deadline) throw new Error(`${member.id} does not start: see its log`);
      await pause(250);
    }
  }

  async #spawn(role: Role): Promise<Member> {
    const { directory, jetstream, line: newLine, ...rest } = this.#options;
    this.#count += 1;
    const id = `${role}-${this.#count}`;
    const line = await newLine();
    const settings: MemberSettings = {
      ...rest,
      role,
      id,
      journal: join(directory, `${id}.journal`),
      log: join(directory, `${id}.log`),
      jetstream: { ...jetstream, servers: [...line.urls] },
    };
    const said = openSync(join(directory, `${id}.out`), "a");
    const flags = ["--expose-gc", "--import", TSX];
    const child = spawn(process.execPath, [...flags, PROGRAM, JSON.stringify(settings)], {
      stdio: ["ignore", said, said, "ipc"],
    });
    closeSync(said);
    const member = new Member(role, id, line, child);
    this.#members.push(member);
    void member.gone.then(() => line[Symbol.asyncDispose]());
    return member;
  }

  /** Every execution that began, in the order in which each worker began them. */
  async executions(): Promise<Execution[]> {
    const texts = await this.#read(".journal");
    return texts.flatMap((text) => linesOf(text).map((line) => JSON.parse(line) as Execution));
  }

  /** How often the logs say this. */
  async logged(message: string): Promise<number> {
    const texts = await this.#read(".log");
    return texts.reduce((sum, text) => sum + text.split(message).length - 1, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#members.filter(({ isGone }) => !isGone).map((one) => one.kill()));
  }

  async #read(ending: string): Promise<string[]> {
    const { directory } = this.#options;
    const files = (await readdir(directory)).filter((name) => name.endsWith(ending));
    return Promise.all(files.map((name) => readFile(join(directory, name), "utf8")));
  }
}

/** Whole lines: the last one may be half written by a process that was killed. */
function linesOf(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "");
}
