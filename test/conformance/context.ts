import { afterEach, beforeEach } from "vitest";
import type { Backend } from "../../src/core/ports/backend.ts";

/** A namespace that nobody else uses, opened. */
export interface Opened {
  readonly backend: Backend;
  /** Another backend on the same namespace, as another process would have it. */
  second(): Promise<Backend>;
  /** Closes all backends and lets go of the namespace. */
  dispose(): Promise<void>;
}

/** What a test gets: everything is fresh for each. */
export interface Conformance {
  readonly backend: Backend;
  second(): Promise<Backend>;
}

/** Opens before each test of the enclosing `describe` and disposes after it. */
export function freshForEachTest(open: () => Promise<Opened>): Conformance {
  let opened: Opened | null = null;
  const now = (): Opened => {
    if (opened === null) throw new Error("no test is running");
    return opened;
  };
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(async () => {
    const last = opened;
    opened = null;
    await last?.dispose();
  });
  return {
    get backend() {
      return now().backend;
    },
    second: () => now().second(),
  };
}
