/** What has to be closed, in the order in which it was opened. */
export class Closers {
  readonly #closers: (() => Promise<void>)[] = [];

  /** Remembers how to close something that has just been opened, and gives it back. */
  add<T>(opened: T, close: (opened: T) => Promise<void>): T {
    this.#closers.push(() => close(opened));
    return opened;
  }

  /** Closes everything, the newest first, whatever fails. @returns what failed */
  async closeAll(): Promise<readonly unknown[]> {
    const failed: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      await close().catch((error: unknown) => failed.push(error));
    }
    return failed;
  }
}
