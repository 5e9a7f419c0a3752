import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const BLOCK_BYTES = 512;

/** Bytes that the files below the directories take on disk. Files that go meanwhile count as nothing. */
export async function diskBytesOf(directories: readonly string[]): Promise<number> {
  const sizes = await Promise.all(directories.map(sizeOf));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(
    entries.map((entry) =>
      stat(join(directory, entry)).then(
        (found) => (found.isFile() ? found.blocks * BLOCK_BYTES : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
