/**
 * An `AbortController` that is made when somebody asks for its signal. Most nodes end without: making one costs as much as
 * the rest of a short execution.
 */
export class AbortLater {
  #controller: AbortController | null = null;
  #listeners: ((reason: unknown) => void)[] = [];
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first call counts. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const listener of this.#listeners.splice(0)) listener(reason);
  }

  /** What the promise comes to, or a rejection with the reason when this is aborted first. */
  race<T>(running: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#aborted) reject(this.#reason);
      else this.#listeners.push(reject);
      running.then(resolve, reject);
    });
  }
}
