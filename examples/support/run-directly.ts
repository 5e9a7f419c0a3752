import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Runs `main` where the module is the script that node was started with, and not where it is imported (by a test, or by
 * `floxide dev`).
 *
 * @param meta - `import.meta` of the module
 */
export async function runDirectly(meta: ImportMeta, main: () => Promise<void>): Promise<void> {
  const script = process.argv[1];
  if (script === undefined || !existsSync(script)) return;
  if (realpathSync(script) === fileURLToPath(meta.url)) await main();
}
