import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Gives the work a directory of its own, which goes with it where all was well; else it is kept, with the report in it.
 *
 * @returns the report, and in `kept` the directory; null where it is gone
 */
export async function keptWhereWrong<R extends { readonly kept: string | null }>(
  name: string,
  work: (directory: string) => Promise<R>,
  isWrong: (report: R) => boolean,
): Promise<R> {
  const directory = await mkdtemp(join(tmpdir(), `floxide-${name}-`));
  const report = await work(directory);
  if (!isWrong(report)) {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    return report;
  }
  await writeFile(join(directory, "report.json"), JSON.stringify(report, null, 2));
  return { ...report, kept: directory };
}
