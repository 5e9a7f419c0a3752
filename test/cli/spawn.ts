import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Ended } from "./fake-io.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
const TSX = import.meta.resolve("tsx");

/** A command line in a process of its own, killed at the latest when the test ends. */
export class Process {
  out = "";
  err = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<number>;

  constructor(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: object } = {},
  ) {
    this.#child = spawn(process.execPath, ["--import", TSX, MAIN, ...args], {
      cwd: options.cwd,
      env: { ...withoutSettings(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.out += chunk.toString();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.err += chunk.toString();
    });
    this.#exited = once(this.#child, "close").then(([code]) => (code as number | null) ?? -1);
    onTestFinished(async () => {
      this.#child.kill("SIGKILL");
      await this.#exited;
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Reads no more of its output. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  input(text: string): void {
    this.#child.stdin?.end(text);
  }

  async ended(): Promise<Ended> {
    return { code: await this.#exited, out: this.out, err: this.err };
  }

  /** Waits for the first line of the output, which is a JSON document. @throws with what was written where it ends */
  async ready<T>(): Promise<T> {
    return await eventually(
      () => {
        const end = this.out.indexOf("\n");
        if (end === -1) throw new Error(`not ready: ${this.err}`);
        return JSON.parse(this.out.slice(0, end)) as T;
      },
      { withinMs: 30_000 },
    );
  }
}

/** Runs a command line to its end, in a process of its own. */
export function floxide(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: object } = {},
): Promise<Ended> {
  return new Process(args, options).ended();
}

/** The environment of this process without what would steer the command line. */
function withoutSettings(): object {
  const ours = /^(FLOXIDE_(SERVER|NAMESPACE|PARTITIONS)|NATS_.*|NO_COLOR|FORCE_COLOR)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
