import { spawnSync } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

const CHUNK_BYTES = 1024 * 1024;

/** A small file system of its own, in memory, that can be filled to the last byte. Needs the right to mount. */
export class Disk implements AsyncDisposable {
  readonly #mount: string;
  // Lazily, as a server may take a moment to go.
  readonly #unmount = (): void => void spawnSync("umount", ["-l", this.#mount]);

  private constructor(mount: string) {
    this.#mount = mount;
    // However the process ends, short of a kill.
    process.once("exit", this.#unmount);
  }

  /** @returns null where this process may not mount */
  static async mount(directory: string, megabytes: number): Promise<Disk | null> {
    if (process.platform !== "linux") return null;
    await mkdir(directory, { recursive: true });
    const options = ["-t", "tmpfs", "-o", `size=${megabytes}m`, "floxide-proof", directory];
    return spawnSync("mount", options).status === 0 ? new Disk(directory) : null;
  }

  /** Where a server may keep its data. */
  get storeDir(): string {
    return join(this.#mount, "store");
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const ballast = await open(join(this.#mount, "ballast"), "a");
    try {
      for (let size = CHUNK_BYTES; size >= 1; ) {
        try {
          const { bytesWritten } = await ballast.write(Buffer.alloc(size));
          if (bytesWritten < size) size = Math.floor(size / 2);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      await ballast.close();
    }
  }

  /** Gives the room back. */
  async free(): Promise<void> {
    await rm(join(this.#mount, "ballast"), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.removeListener("exit", this.#unmount);
    this.#unmount();
  }
}
