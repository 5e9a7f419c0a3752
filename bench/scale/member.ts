import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { childOptions } from "../child.ts";
import type { SharedSettings } from "../system.ts";
import type { ScaleFlow } from "./flows.ts";

/** What a member is told, as JSON. */
export interface MemberSettings extends SharedSettings {
  readonly role: "worker" | "service";
  readonly servers: readonly string[];
  /** Names of the workflows that it has. */
  readonly serves: readonly ScaleFlow[];
}

/** What a member says of itself. */
export interface MemberReport {
  /** CPU since its process began, in milliseconds. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Nodes that have gone to sleep since the process began. */
  readonly parked: number;
  /** Nodes that have been woken since the process began. */
  readonly woken: number;
  /** How long after they were due nodes were executed that have been woken since this was last asked, in milliseconds. */
  readonly lateMs: readonly number[];
}

/** A worker or an orchestrator service in a process of its own. */
export class Member implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when it works. */
  static async start(settings: MemberSettings): Promise<Member> {
    const file = fileURLToPath(new URL("./member-process.ts", import.meta.url));
    const child = fork(file, [JSON.stringify(settings)], childOptions);
    await nextWord(child);
    return new Member(child);
  }

  /** One question at a time. */
  async report(): Promise<MemberReport> {
    const answer = nextWord(this.#child);
    this.#child.send("report");
    return (await answer) as MemberReport;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }
}

/** What the process says next. @throws Error where it ends instead */
function nextWord(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off("exit", onExit);
      resolve(message);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.off("message", onMessage);
      reject(new Error(`a process of the benchmark ended with ${code ?? signal}: see above`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}
