/** What must be closed at the end, in reverse order. */
export class Closing implements AsyncDisposable {
  readonly #closers: (() => unknown)[] = [];

  use<T extends AsyncDisposable>(part: T): T {
    this.#closers.push(() => part[Symbol.asyncDispose]());
    return part;
  }

  defer(close: () => unknown): void {
    this.#closers.push(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}
