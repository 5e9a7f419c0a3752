import { gate } from "./gate.ts";

/** Where a node stops until a test lets it go on. */
export class Halt {
  readonly #reached = gate();
  readonly #passed = gate();

  /** For the node: resolves when the test has released it. */
  readonly here = (): Promise<void> => {
    this.#reached.open();
    return this.#passed.promise;
  };

  /** Resolves when the node is here. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  release(): void {
    this.#passed.open();
  }
}
