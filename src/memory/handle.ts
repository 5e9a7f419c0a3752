import { FloxideError } from "../core/errors.ts";

/** What one opened backend holds of its world, to be let go of when it closes. */
export class Handle {
  readonly #held = new Set<() => void>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** Remembers how to let go of something. @returns the same, for letting go of it earlier */
  hold(release: () => void): () => void {
    const once = (): void => {
      if (this.#held.delete(once)) release();
    };
    this.#held.add(once);
    return once;
  }

  /** @throws FloxideError `backend` where the backend is closed */
  check(): void {
    if (this.#closed) throw new FloxideError("backend", "the memory backend is closed");
  }

  close(): void {
    this.#closed = true;
    for (const release of [...this.#held]) release();
  }
}
