import type { Cli } from "./cli.ts";

/** Something that runs until it is stopped. */
interface Stoppable {
  stop(): Promise<unknown>;
}

/** What a long-running command has started, so that it is stopped in the reverse order whatever happens. */
export class Serving {
  readonly #cli: Cli;
  readonly #started: { readonly name: string; readonly stop: () => Promise<unknown> }[] = [];

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** Remembers something that has been started. */
  add<T extends Stoppable>(name: string, one: T): T {
    this.#started.push({ name, stop: () => one.stop() });
    return one;
  }

  /** Says what is there, waits until the process is asked to stop, and stops everything. */
  async untilStopped(document: object, show: () => string): Promise<void> {
    // Listen first: whoever reads that it is ready may stop it at once.
    const asked = this.#cli.io.stopAsked();
    this.#cli.answer({ event: "ready", ...document }, show);
    const signal = await asked;
    this.#cli.note(`${signal}: stopping; once more to end at once`);
    await this.stop();
    if (this.#cli.settings.json) this.#cli.answer({ event: "stopped", signal }, () => "");
  }

  /** Stops what was started last first. One that fails to stop does not keep the others from it. */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (const { stop } of this.#started.splice(0).reverse()) {
      await stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Runs the work, and stops what it has started where it fails. */
  async during(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.stop().catch(() => {});
      throw error;
    }
  }
}
